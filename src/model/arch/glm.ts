/** GLM 4 (first release): half of every head rotated in neighbouring pairs, gate and up in one matrix. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, fusedGatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const glm: Architecture = {
  className: "GlmForCausalLM",
  modelType: "glm",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 131_072, kvHeads: 2, headSize: 128 });
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const bias = { projections: config.flag("attention_bias", true), output: false };
    const epsilon = config.number("rms_norm_eps", 1.5625e-7, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 0.5 });
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const options = { ...sizes, layer: index, bias, rope: { name: "rope", rope, interleaved: true } };
        return preNorm(b, x, at, {
          norm,
          attend: (y) => selfAttention(b, y, `${at}.self_attn`, options),
          feed: (y) => fusedGatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
    });
  },
};
