/** StarCoder 2: LayerNorm, biases, a plain MLP with tanh GELU, a window in every layer where asked for, tied. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, layerNorm, mlp } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const starcoder2: Architecture = {
  className: "Starcoder2ForCausalLM",
  modelType: "starcoder2",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 4096, kvHeads: 2 });
    const useBias = config.flag("use_bias", true);
    const mlpOptions = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "gelu_pytorch_tanh"),
      bias: useBias,
    };
    const bias = { projections: useBias, output: useBias };
    const epsilon = config.number("norm_epsilon", 1e-5, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const window = readWindow(config, 0);
    const tied = config.flag("tie_word_embeddings", true);
    // The released configs name the kind of norm and MLP, which the class does not read.
    config.only("norm_type", "layer_norm");
    config.only("mlp_type", "default");

    const norm: Norm = (b, x, name) => layerNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const options = { ...sizes, layer: index, bias, window, rope: { name: "rope", rope } };
        return preNorm(b, x, at, {
          norm,
          attend: (y) => selfAttention(b, y, `${at}.self_attn`, options),
          feed: (y) => mlp(b, y, { up: `${at}.mlp.c_fc`, down: `${at}.mlp.c_proj` }, mlpOptions),
        });
      },
    });
  },
};
