/** Nemotron: LayerNorm that stores its weight − 1, half of every head rotated, a squared ReLU without a gate. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, layerNorm, mlp } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const nemotron: Architecture = {
  className: "NemotronForCausalLM",
  modelType: "nemotron",
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
    const norms = { epsilon: config.number("norm_eps", 1e-5, { min: 0 }), unit: true };
    const rope = readRope(config, { ...sizes, theta: 10_000, partial: 0.5 });
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => layerNorm(b, x, name, norms);
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
