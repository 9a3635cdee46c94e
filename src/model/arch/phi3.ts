/** Phi 3 and 4: Llama with fused projections, a window where asked for, and LongRoPE for the long-context releases. */
import type { Architecture } from "../architecture.ts";
import { activations, embedding, fusedGatedMlp, head, linear, preNormLayer, rmsNorm, split } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

/** The first releases called LongRoPE by these names. */
const types = { default: "default", longrope: "longrope", su: "longrope", yarn: "longrope" } as const;

export const phi3: Architecture = {
  className: "Phi3ForCausalLM",
  modelType: "phi3",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 4096 });
    const { vocabulary, hidden, contextTokens, heads, kvHeads, headSize } = sizes;
    const size = config.integer("intermediate_size");
    const activation = config.choice("hidden_act", activations, "silu");
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
    const originalTokens = config.integer("original_max_position_embeddings", 4096);
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 1, originalTokens, types });
    const window = readWindow(config, 0);
    const tied = config.flag("tie_word_embeddings", false);
    // Switches of the models' own code that the class does not read.
    config.only("attention_bias", false);
    config.only("mlp_bias", false);
    config.only("lm_head_bias", false);
    config.only("full_attn_mod", 1);
    config.only("interpolate_factor", 1);

    return {
      vocabulary,
      contextTokens,
      layers: sizes.layers,
      width: hidden,
      ropes: { rope },
      embed: (b) => embedding(b, "model.embed_tokens", vocabulary, hidden),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const norm = (name: string) => (y: typeof x) => rmsNorm(b, y, `${at}.${name}`, { epsilon });
        return preNormLayer(x, {
          norms: [norm("input_layernorm"), norm("post_attention_layernorm")],
          attend(y) {
            const [q, kv] = [heads * headSize, kvHeads * headSize];
            const fused = linear(b, y, `${at}.self_attn.qkv_proj`, q + 2 * kv);
            const [query, key, value] = split(fused, q, kv, kv);
            const options = { ...sizes, layer: index, window, rope: { name: "rope", rope } };
            return linear(b, b.attention(query, key, value, options), `${at}.self_attn.o_proj`, hidden);
          },
          feed: (y) => fusedGatedMlp(b, y, `${at}.mlp`, { size, activation }),
        });
      },
      finish: (b, x) => rmsNorm(b, x, "model.norm", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.embed_tokens" }),
    };
  },
};
