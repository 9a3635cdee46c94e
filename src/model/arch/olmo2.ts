/** OLMo 2: norms after each half and none before, queries and keys normalised over the whole projection. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const olmo2: Architecture = {
  className: "Olmo2ForCausalLM",
  modelType: "olmo2",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
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
        const attended = selfAttention(b, x, `${at}.self_attn`, {
          ...sizes,
          layer: index,
          bias,
          rope: { name: "rope", rope },
          adjust: ({ query, key, value }) => ({
            query: norm(b, query, `${at}.self_attn.q_norm`),
            key: norm(b, key, `${at}.self_attn.k_norm`),
            value,
          }),
        });
        const half = add(x, norm(b, attended, `${at}.post_attention_layernorm`));
        return add(half, norm(b, gatedMlp(b, half, `${at}.mlp`, mlp), `${at}.post_feedforward_layernorm`));
      },
    });
  },
};
