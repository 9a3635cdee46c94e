/** OLMo: Llama with norms that have no parameters, and clipped projections. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, clip, gatedMlp, plainLayerNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const olmo: Architecture = {
  className: "OlmoForCausalLM",
  modelType: "olmo",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const limit = config.has("clip_qkv") ? config.number("clip_qkv", undefined, { min: 0 }) : undefined;
    config.ignore("clip_qkv");
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const tied = config.flag("tie_word_embeddings", false);

    // 1e-5 is part of the class, not of the config.
    const norm: Norm = (_b, x) => plainLayerNorm(x, 1e-5);
    const clipped = (x: Parameters<Norm>[1]) => (limit === undefined ? x : clip(x, limit));
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
              rope: { name: "rope", rope },
              adjust: ({ query, key, value }) => ({ query: clipped(query), key: clipped(key), value: clipped(value) }),
            }),
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
    });
  },
};
