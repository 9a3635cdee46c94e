/** OLMoE: queries and keys normalised over the whole projection, a mixture in every layer, weights as the softmax has them. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { mixture, readExperts, routeBySoftmax } from "../experts.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, clip, gatedMlp, linear, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const olmoe: Architecture = {
  className: "OlmoeForCausalLM",
  modelType: "olmoe",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 4096 });
    const routed = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
    const { experts, chosen } = readExperts(config, { layers: sizes.layers, experts: 64, chosen: 8 });
    const renormalise = config.flag("norm_topk_prob", false);
    const limit = config.number("clip_qkv", Number.MAX_VALUE, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    const clipped = (x: Parameters<Norm>[1]) => (limit === Number.MAX_VALUE ? x : clip(x, limit));
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const moe = `${at}.mlp`;
        return preNorm(b, x, at, {
          norm,
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, {
              ...sizes,
              layer: index,
              bias,
              rope: { name: "rope", rope },
              adjust: ({ query, key, value }) => ({
                query: clipped(norm(b, query, `${at}.self_attn.q_norm`)),
                key: clipped(norm(b, key, `${at}.self_attn.k_norm`)),
                value: clipped(value),
              }),
            }),
          feed(y) {
            const routes = routeBySoftmax(linear(b, y, `${moe}.gate`, experts), chosen, { renormalise });
            return mixture(y, routes, experts, moe, (rows, expert) =>
              gatedMlp(b, rows, `${moe}.experts.${expert}`, routed),
            );
          },
        });
      },
    });
  },
};
