/** Qwen 3: queries and keys are normalised head by head before rotation; head_dim stands on its own. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, perHead, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readQwenWindows, readSizes } from "../sizes.ts";

export const qwen3: Architecture = {
  className: "Qwen3ForCausalLM",
  modelType: "qwen3",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 32_768, kvHeads: 32, headSize: 128 });
    const { layers, heads, kvHeads } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const windows = readQwenWindows(config, layers);
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        return preNorm(b, x, at, {
          norm,
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, {
              ...sizes,
              layer: index,
              bias,
              window: windows[index]!,
              rope: { name: "rope", rope },
              adjust: ({ query, key, value }) => ({
                query: perHead(query, heads, (y) => norm(b, y, `${at}.self_attn.q_norm`)),
                key: perHead(key, kvHeads, (y) => norm(b, y, `${at}.self_attn.k_norm`)),
                value,
              }),
            }),
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
    });
  },
};
