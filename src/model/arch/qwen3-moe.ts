/** Qwen 3 with experts: Qwen 3's attention; some layers may be dense. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { mixture, readExperts, readSparseLayers, routeBySoftmax } from "../experts.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, linear, perHead, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const qwen3Moe: Architecture = {
  className: "Qwen3MoeForCausalLM",
  modelType: "qwen3_moe",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 32_768, kvHeads: 4 });
    const { heads, kvHeads, layers } = sizes;
    const activation = config.choice("hidden_act", activations, "silu");
    const dense = { size: config.integer("intermediate_size"), activation };
    const routed = { size: config.integer("moe_intermediate_size"), activation };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const { experts, chosen } = readExperts(config, { layers, experts: 128, chosen: 8 });
    const renormalise = config.flag("norm_topk_prob", false);
    const sparse = readSparseLayers(config, layers);
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const used = config.flag("use_sliding_window", false);
    if (!used) config.ignore("sliding_window");
    const window = used ? readWindow(config, 4096) : 0;
    config.ignore("max_window_layers");
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
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
              window,
              rope: { name: "rope", rope },
              adjust: ({ query, key, value }) => ({
                query: perHead(query, heads, (head) => norm(b, head, `${at}.self_attn.q_norm`)),
                key: perHead(key, kvHeads, (head) => norm(b, head, `${at}.self_attn.k_norm`)),
                value,
              }),
            }),
          feed(y) {
            if (!sparse[index]) return gatedMlp(b, y, moe, dense);
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
