/** SmolLM 3: Llama in which every few layers go without rotary embedding (and slide, where a window is used). */
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { frame, type Norm, preNorm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const smollm3: Architecture = {
  className: "SmolLM3ForCausalLM",
  modelType: "smollm3",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 32_768, kvHeads: 4 });
    const { layers } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
      bias: config.flag("mlp_bias", false),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 2_000_000 });
    const tied = config.flag("tie_word_embeddings", true);

    // 1 says that a layer has rotary embedding, whatever the key's name suggests.
    const interval = config.integer("no_rope_layer_interval", 4);
    const listed = config.numbers("no_rope_layers");
    if (listed !== undefined && listed.length !== layers) config.refuse("no_rope_layers", `there are ${layers} layers`);
    const rotates = (index: number) => (listed === undefined ? (index + 1) % interval !== 0 : listed[index] !== 0);
    const used = config.flag("use_sliding_window", false);
    const window = readWindow(config, 0);
    const slides = readSlidingLayers(config, layers, (index) => used && window > 0 && !rotates(index));
    if (window === 0 && slides.includes(true)) config.refuse("layer_types", "there is no sliding_window");
    config.ignore("max_window_layers");

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, { epsilon });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const options = {
          ...sizes,
          layer: index,
          bias,
          window: slides[index] ? window : 0,
          rope: rotates(index) ? { name: "rope", rope } : undefined,
        };
        return preNorm(b, x, at, {
          norm,
          attend: (y) => selfAttention(b, y, `${at}.self_attn`, options),
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
    });
  },
};
