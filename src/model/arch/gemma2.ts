/** Gemma 2: Gemma with norms after each half as well, soft caps on scores and logits, a window in every second layer. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, rmsNorm, softcap } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readCap, readSizes, readWindow } from "../sizes.ts";

export const gemma2: Architecture = {
  className: "Gemma2ForCausalLM",
  modelType: "gemma2",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 8192, kvHeads: 4, headSize: 256 });
    const { hidden, layers } = sizes;
    // The released configs say `hidden_act` too, which the class does not read.
    config.ignore("hidden_act");
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_activation", activations, "gelu_pytorch_tanh"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const norms = { epsilon: config.number("rms_norm_eps", 1e-6, { min: 0 }), unit: true };
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const window = readWindow(config, 4096);
    const sliding = readSlidingLayers(config, layers, (index) => index % 2 === 0);
    const scale = config.number("query_pre_attn_scalar", 256, { above: 0 }) ** -0.5;
    const scoreCap = readCap(config, "attn_logit_softcapping", 50);
    const logitCap = readCap(config, "final_logit_softcapping", 30);
    const tied = config.flag("tie_word_embeddings", true);
    config.only("use_bidirectional_attention", false);
    // Early releases wrote how their cache was laid out.
    config.ignore("cache_implementation", "sliding_window_size");

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, norms);
    return frame(sizes, {
      ropes: { rope },
      tied,
      norm,
      embeddingScale: Math.sqrt(hidden),
      logits: (logits) => softcap(logits, logitCap),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const attended = selfAttention(b, norm(b, x, `${at}.input_layernorm`), `${at}.self_attn`, {
          ...sizes,
          layer: index,
          bias,
          scale,
          softcap: scoreCap,
          window: sliding[index] ? window : 0,
          rope: { name: "rope", rope },
        });
        const half = add(x, norm(b, attended, `${at}.post_attention_layernorm`));
        const fed = gatedMlp(b, norm(b, half, `${at}.pre_feedforward_layernorm`), `${at}.mlp`, mlp);
        return add(half, norm(b, fed, `${at}.post_feedforward_layernorm`));
      },
    });
  },
};
