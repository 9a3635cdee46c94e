/** gpt-oss: attention sinks, a window in every second layer, experts with biases and a clamped, shifted SwiGLU. */
import { add, gemm, max, min, mul, reshape, silu, slice } from "../../graph/expression.ts";
import type { Node } from "../../graph/node.ts";
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { expertMatrix, mixture, readExperts, routeByChosen } from "../experts.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { linear, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

/** The class's rope where the config has none. */
const absent = {
  rope_type: "yarn",
  factor: 32,
  beta_fast: 32,
  beta_slow: 1,
  truncate: false,
  original_max_position_embeddings: 4096,
};

export const gptOss: Architecture = {
  className: "GptOssForCausalLM",
  modelType: "gpt_oss",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 131_072, kvHeads: 8, headSize: 64 });
    const { hidden, heads } = sizes;
    const size = config.integer("intermediate_size");
    // The experts' activation is part of the class; `hidden_act` is written and not read.
    config.ignore("hidden_act");
    const alpha = config.number("swiglu_alpha", 1.702);
    const limit = config.number("swiglu_limit", 7, { min: 0 });
    const { experts, chosen } = readExperts(config, { layers: sizes.layers, experts: 128, chosen: 4 });
    if (config.lists("experts_per_token") && config.integer("experts_per_token") !== chosen)
      config.refuse("experts_per_token", `num_experts_per_tok is ${chosen}`);
    config.ignore("initial_context_length");
    const attentionBias = config.flag("attention_bias", true);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 150_000, absent });
    const window = readWindow(config, 128);
    const slides = readSlidingLayers(config, sizes.layers, (index) => index % 2 === 0);
    if (window === 0 && slides.includes(true)) config.refuse("layer_types", "there is no sliding_window");
    const tied = config.flag("tie_word_embeddings", false);

    /** Gate and up interleaved: gate below a limit, up within it, gate · σ(α · gate) · (up + 1). */
    const glu = (fused: Node) => {
      const gate = min(slice(fused, 1, 0, 2 * size, 2), limit);
      const up = max(min(slice(fused, 1, 1, 2 * size, 2), limit), -limit);
      return mul(silu(gate, alpha), add(up, 1));
    };
    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const moe = `${at}.mlp`;
        const sinks = b.parameter(`${at}.self_attn.sinks`, [heads]);
        const options = { layer: index, bias, sinks, window: slides[index] ? window : 0 };
        return preNorm(b, x, at, {
          norm,
          attend: (y) => selfAttention(b, y, `${at}.self_attn`, { ...sizes, ...options, rope: { name: "rope", rope } }),
          feed(y) {
            const stack = (name: string, shape: readonly number[]) => b.parameter(`${moe}.experts.${name}`, shape);
            const gateUp = stack("gate_up_proj", [experts, hidden, 2 * size]);
            const gateUpBias = stack("gate_up_proj_bias", [experts, 2 * size]);
            const down = stack("down_proj", [experts, size, hidden]);
            const downBias = stack("down_proj_bias", [experts, hidden]);
            const vector = (biases: Node, expert: number) =>
              reshape(slice(biases, 0, expert, expert + 1), [biases.shape[1]!]);
            const routes = routeByChosen(linear(b, y, `${moe}.router`, experts, { bias: true }), chosen);
            return mixture(y, routes, experts, moe, (rows, expert) => {
              const fused = gemm(rows, expertMatrix(gateUp, expert), { bias: vector(gateUpBias, expert) });
              return gemm(glu(fused), expertMatrix(down, expert), { bias: vector(downBias, expert) });
            });
          },
        });
      },
    });
  },
};
