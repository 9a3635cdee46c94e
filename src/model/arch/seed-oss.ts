/** Seed-OSS: Llama with separate switches for the biases of the projections and of the output. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const seedOss: Architecture = {
  className: "SeedOssForCausalLM",
  modelType: "seed_oss",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 524_288, kvHeads: 8, headSize: 128 });
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
      bias: config.flag("mlp_bias", false),
    };
    const bias = {
      projections: config.flag("attention_bias", true),
      output: config.flag("attention_out_bias", false),
    };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
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
            selfAttention(b, y, `${at}.self_attn`, { ...sizes, layer: index, bias, rope: { name: "rope", rope } }),
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
    });
  },
};
