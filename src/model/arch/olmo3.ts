/** OLMo 3: OLMo 2 with a window in three of four layers; only the full layers have the scaled rotary embedding. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm } from "../parts.ts";
import { readLayeredRopes } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const olmo3: Architecture = {
  className: "Olmo3ForCausalLM",
  modelType: "olmo3",
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
    // Sliding layers keep the class's theta whatever `rope_theta` says.
    const thetas = { full: config.number("rope_theta", 500_000, { min: 1 }), sliding: 500_000 };
    const ropes = readLayeredRopes(config, { ...sizes, thetas });
    const window = readWindow(config, 4096);
    const slides = readSlidingLayers(config, sizes.layers, (index) => (index + 1) % 4 !== 0);
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { ...ropes },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const kind = slides[index] ? "sliding" : "full";
        const attended = selfAttention(b, x, `${at}.self_attn`, {
          ...sizes,
          layer: index,
          bias,
          window: slides[index] ? window : 0,
          rope: { name: kind, rope: ropes[kind] },
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
