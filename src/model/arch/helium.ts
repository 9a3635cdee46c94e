/** Helium: Llama with neighbouring dimensions rotated as pairs, and no bias on the attention's output. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const helium: Architecture = {
  className: "HeliumForCausalLM",
  modelType: "helium",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 4096, kvHeads: 20, headSize: 128 });
    // The class's output matrix is [hidden, hidden].
    if (sizes.heads * sizes.headSize !== sizes.hidden) config.refuse("head_dim", "heads must make up hidden_size");
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
      bias: config.flag("mlp_bias", false),
    };
    const bias = { projections: config.flag("attention_bias", false), output: false };
    const epsilon = config.number("rms_norm_eps", 1e-8, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 100_000 });
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
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
    });
  },
};
