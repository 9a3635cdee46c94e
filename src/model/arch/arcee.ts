/** Arcee: Llama with a plain MLP of two matrices around a squared ReLU. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, mlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const arcee: Architecture = {
  className: "ArceeForCausalLM",
  modelType: "arcee",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 4096 });
    const mlpOptions = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "relu2"),
      bias: config.flag("mlp_bias", false),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
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
          feed: (y) => mlp(b, y, { up: `${at}.mlp.up_proj`, down: `${at}.mlp.down_proj` }, mlpOptions),
        });
      },
    });
  },
};
