/** Qwen 1.5 and 2 with experts: routed ones beside a shared one behind a sigmoid gate; some layers may be dense. */
import { add, mul, sigmoid } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { mixture, readExperts, readSparseLayers, routeBySoftmax } from "../experts.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, linear, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const qwen2Moe: Architecture = {
  className: "Qwen2MoeForCausalLM",
  modelType: "qwen2_moe",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 32_768, kvHeads: 16 });
    const { layers } = sizes;
    const activation = config.choice("hidden_act", activations, "silu");
    const dense = { size: config.integer("intermediate_size"), activation };
    const routed = { size: config.integer("moe_intermediate_size"), activation };
    const shared = { size: config.integer("shared_expert_intermediate_size"), activation };
    const bias = { projections: config.flag("qkv_bias", true), output: false };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const { experts, chosen } = readExperts(config, { layers, experts: 60, chosen: 4 });
    const renormalise = config.flag("norm_topk_prob", false);
    const sparse = readSparseLayers(config, layers);
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const tied = config.flag("tie_word_embeddings", false);
    const used = config.flag("use_sliding_window", false);
    if (!used) config.ignore("sliding_window");
    const window = used ? readWindow(config, 4096) : 0;
    const first = config.integer("max_window_layers", 28, { min: 0 });
    // Unlike the dense Qwen 2: every second layer slides, of those BEFORE max_window_layers.
    const slides = readSlidingLayers(config, layers, (index) => window > 0 && index % 2 === 0 && index < first);
    if (window === 0 && slides.includes(true)) config.refuse("layer_types", "there is no sliding_window");

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const moe = `${at}.mlp`;
        const options = {
          ...sizes,
          layer: index,
          bias,
          window: slides[index] ? window : 0,
          rope: { name: "rope", rope },
        };
        return preNorm(b, x, at, {
          norm,
          attend: (y) => selfAttention(b, y, `${at}.self_attn`, options),
          feed(y) {
            if (!sparse[index]) return gatedMlp(b, y, moe, dense);
            const routes = routeBySoftmax(linear(b, y, `${moe}.gate`, experts), chosen, { renormalise });
            const sum = mixture(y, routes, experts, moe, (rows, expert) =>
              gatedMlp(b, rows, `${moe}.experts.${expert}`, routed),
            );
            const gate = sigmoid(linear(b, y, `${moe}.shared_expert_gate`, 1));
            return add(sum, mul(gate, gatedMlp(b, y, `${moe}.shared_expert`, shared)));
          },
        });
      },
    });
  },
};
