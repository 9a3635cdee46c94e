/** Gemma: embeddings times √hidden, norms that store their weight − 1, a gated MLP with tanh GELU, tied. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const gemma: Architecture = {
  className: "GemmaForCausalLM",
  modelType: "gemma",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 8192, kvHeads: 16, headSize: 256 });
    const { hidden } = sizes;
    // The released configs say "gelu" and were trained with the tanh form; `hidden_activation`, where set, agrees.
    const acts = { ...activations, gelu: activations.gelu_pytorch_tanh! };
    config.only("hidden_activation", "gelu_pytorch_tanh");
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", acts, "gelu_pytorch_tanh"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const norms = { epsilon: config.number("rms_norm_eps", 1e-6, { min: 0 }), unit: true };
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const tied = config.flag("tie_word_embeddings", true);
    config.only("use_bidirectional_attention", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, norms);
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      embeddingScale: Math.sqrt(hidden),
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
