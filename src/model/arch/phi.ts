/** Phi 1 and 2: attention and MLP beside each other on one LayerNorm, half of every head rotated, biases everywhere. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { activations, embedding, head, layerNorm, mlp, perHead } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const phi: Architecture = {
  className: "PhiForCausalLM",
  modelType: "phi",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const { vocabulary, hidden, contextTokens, heads, kvHeads } = sizes;
    const mlpOptions = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "gelu_new"),
      bias: true,
    };
    const epsilon = config.number("layer_norm_eps", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 0.5 });
    const normed = config.flag("qk_layernorm", false);
    const tied = config.flag("tie_word_embeddings", false);

    return {
      vocabulary,
      contextTokens,
      layers: sizes.layers,
      width: hidden,
      ropes: { rope },
      embed: (b) => embedding(b, "model.embed_tokens", vocabulary, hidden),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const norm = (name: string) => (y: typeof x) => layerNorm(b, y, `${at}.${name}`, { epsilon });
        const input = norm("input_layernorm")(x);
        const attended = selfAttention(b, input, `${at}.self_attn`, {
          ...sizes,
          layer: index,
          bias: { projections: true, output: true },
          output: "dense",
          rope: { name: "rope", rope },
          adjust: ({ query, key, value }) =>
            normed
              ? {
                  query: perHead(query, heads, norm("self_attn.q_layernorm")),
                  key: perHead(key, kvHeads, norm("self_attn.k_layernorm")),
                  value,
                }
              : { query, key, value },
        });
        const fed = mlp(b, input, { up: `${at}.mlp.fc1`, down: `${at}.mlp.fc2` }, mlpOptions);
        return add(add(attended, fed), x);
      },
      finish: (b, x) => layerNorm(b, x, "model.final_layernorm", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.embed_tokens", bias: true }),
    };
  },
};
