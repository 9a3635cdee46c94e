/** Cohere 2 (Command R7B): Cohere with a window in most layers; the full layers have no rotary embedding. */
import { add, mul } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, layerNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const cohere2: Architecture = {
  className: "Cohere2ForCausalLM",
  modelType: "cohere2",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 8192, headSizeFixed: true });
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("layer_norm_eps", 1e-5, { min: 0 });
    const logitScale = config.number("logit_scale", 0.0625);
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const window = readWindow(config, 4096);
    const pattern = config.integer("sliding_window_pattern", 4);
    const slides = readSlidingLayers(config, sizes.layers, (index) => (index + 1) % pattern !== 0);
    if (window === 0) config.refuse("sliding_window", "which layers are rotated goes by the window");
    const tied = config.flag("tie_word_embeddings", true);
    // Switches of the released configs that the class does not read.
    config.ignore("_sliding_window_pattern", "cache_implementation", "order_of_interleaved_layers");
    config.only("use_qk_norm", false);
    config.only("use_parallel_block", true);
    config.only("use_gated_activation", true);
    config.only("position_embedding_type", "rope_gptj");
    config.only("rotary_pct", 1);

    const norm: Norm = (b, x, name) => layerNorm(b, x, name, { epsilon, bias: false });
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      logits: (logits) => mul(logits, logitScale),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const input = norm(b, x, `${at}.input_layernorm`);
        const attended = selfAttention(b, input, `${at}.self_attn`, {
          ...sizes,
          layer: index,
          bias,
          window: slides[index] ? window : 0,
          rope: slides[index] ? { name: "rope", rope, interleaved: true } : undefined,
        });
        return add(add(x, attended), gatedMlp(b, input, `${at}.mlp`, mlp));
      },
    });
  },
};
