/** Mixtral: Mistral with a mixture of gated MLPs; the chosen experts' weights are brought to a sum of 1. */
import { mul } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { mixture, readExperts, routeBySoftmax } from "../experts.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, linear, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const mixtral: Architecture = {
  className: "MixtralForCausalLM",
  modelType: "mixtral",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 131_072, kvHeads: 8 });
    const { hidden } = sizes;
    const size = config.integer("intermediate_size");
    const activation = config.choice("hidden_act", activations, "silu");
    const epsilon = config.number("rms_norm_eps", 1e-5, { min: 0 });
    const { experts, chosen } = readExperts(config, { layers: sizes.layers, experts: 8, chosen: 2 });
    const rope = readRope(config, { ...sizes, theta: 1_000_000 });
    const window = readWindow(config, 0);
    const tied = config.flag("tie_word_embeddings", false);

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const moe = `${at}.block_sparse_moe`;
        return preNorm(b, x, at, {
          norm,
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, { ...sizes, layer: index, window, rope: { name: "rope", rope } }),
          feed(y) {
            const routes = routeBySoftmax(linear(b, y, `${moe}.gate`, experts), chosen, { renormalise: true });
            return mixture(y, routes, experts, moe, (rows, expert) => {
              const name = `${moe}.experts.${expert}`;
              const gate = activation(linear(b, rows, `${name}.w1`, size));
              return linear(b, mul(gate, linear(b, rows, `${name}.w3`, size)), `${name}.w2`, hidden);
            });
          },
        });
      },
    });
  },
};
