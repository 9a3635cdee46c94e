/** Persimmon: fused projections head by head, normalised queries and keys, half of every head rotated, squared ReLU. */
import type { Architecture } from "../architecture.ts";
import { splitByGroup } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, layerNorm, linear, mlp, perHead } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const persimmon: Architecture = {
  className: "PersimmonForCausalLM",
  modelType: "persimmon",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 16_384, headSizeFixed: true });
    const { hidden, heads, kvHeads } = sizes;
    if (kvHeads !== heads) config.refuse("num_key_value_heads", "the class has as many as heads");
    const mlpOptions = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "relu2"),
      bias: true,
    };
    const epsilon = config.number("layer_norm_eps", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 0.5 });
    const normed = config.flag("qk_layernorm", true);
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => layerNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      lastNorm: "model.final_layernorm",
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const headNorm = (y: typeof x, name: string) =>
          normed ? perHead(y, heads, (head) => norm(b, head, `${at}.self_attn.${name}`)) : y;
        return preNorm(b, x, at, {
          norm,
          attend(y) {
            const fused = linear(b, y, `${at}.self_attn.query_key_value`, 3 * hidden, { bias: true });
            const { query, key, value } = splitByGroup(fused, sizes);
            const options = { ...sizes, layer: index, rope: { name: "rope", rope } };
            const mixed = b.attention(headNorm(query, "q_layernorm"), headNorm(key, "k_layernorm"), value, options);
            return linear(b, mixed, `${at}.self_attn.dense`, hidden, { bias: true });
          },
          feed: (y) => mlp(b, y, { up: `${at}.mlp.dense_h_to_4h`, down: `${at}.mlp.dense_4h_to_h` }, mlpOptions),
        });
      },
    });
  },
};
