/** Granite: Llama with four multipliers: on embeddings, on scores, on what each half adds, and under the logits. */
import { add, div, mul } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readMultipliers, readSizes } from "../sizes.ts";

export const granite: Architecture = {
  className: "GraniteForCausalLM",
  modelType: "granite",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
      bias: config.flag("mlp_bias", false),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const { embedding, attention, residual, logits } = readMultipliers(config);
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      embeddingScale: embedding,
      logits: (x) => div(x, logits),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const options = { ...sizes, layer: index, bias, scale: attention, rope: { name: "rope", rope } };
        const attended = selfAttention(b, norm(b, x, `${at}.input_layernorm`), `${at}.self_attn`, options);
        const half = add(x, mul(attended, residual));
        const fed = gatedMlp(b, norm(b, half, `${at}.post_attention_layernorm`), `${at}.mlp`, mlp);
        return add(half, mul(fed, residual));
      },
    });
  },
};
