/** Gemma 3 (text): Gemma 2 with normalised queries and keys, and one rope for full layers, another for sliding ones. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { readSlidingLayers, selfAttention } from "../attention.ts";
import { frame, type Norm } from "../frame.ts";
import { activations, gatedMlp, perHead, rmsNorm, softcap } from "../parts.ts";
import { readLayeredRopes } from "../rope.ts";
import { readCap, readSizes, readWindow } from "../sizes.ts";

export const gemma3: Architecture = {
  className: "Gemma3ForCausalLM",
  modelType: "gemma3_text",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 131_072, kvHeads: 4, headSize: 256 });
    const { hidden, layers, heads, kvHeads } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_activation", activations, "gelu_pytorch_tanh"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const norms = { epsilon: config.number("rms_norm_eps", 1e-6, { min: 0 }), unit: true };
    const thetas = {
      full: config.number("rope_theta", 1_000_000, { min: 1 }),
      sliding: config.number("rope_local_base_freq", 10_000, { min: 1 }),
    };
    const ropes = readLayeredRopes(config, { ...sizes, thetas });
    const window = readWindow(config, 4096);
    const pattern = config.integer("sliding_window_pattern", 6);
    const slides = readSlidingLayers(config, layers, (index) => (index + 1) % pattern !== 0);
    const scale = config.number("query_pre_attn_scalar", 256, { above: 0 }) ** -0.5;
    const logitCap = readCap(config, "final_logit_softcapping", 0);
    const tied = config.flag("tie_word_embeddings", true);
    config.only("use_bidirectional_attention", false);
    // The class reads the cap on scores and hands it to no kernel; the others it wrote down about itself and its cache.
    config.ignore("attn_logit_softcapping", "_sliding_window_pattern", "cache_implementation");

    const norm: Norm = (b, x, name) => rmsNorm(b, x, name, norms);
    return frame(sizes, {
      ropes: { ...ropes },
      tied,
      norm,
      embeddingScale: Math.sqrt(hidden),
      logits: (logits) => softcap(logits, logitCap),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const kind = slides[index] ? "sliding" : "full";
        const attended = selfAttention(b, norm(b, x, `${at}.input_layernorm`), `${at}.self_attn`, {
          ...sizes,
          layer: index,
          bias,
          scale,
          window: slides[index] ? window : 0,
          rope: { name: kind, rope: ropes[kind] },
          adjust: ({ query, key, value }) => ({
            query: perHead(query, heads, (head) => norm(b, head, `${at}.self_attn.q_norm`)),
            key: perHead(key, kvHeads, (head) => norm(b, head, `${at}.self_attn.k_norm`)),
            value,
          }),
        });
        const half = add(x, norm(b, attended, `${at}.post_attention_layernorm`));
        const fed = gatedMlp(b, norm(b, half, `${at}.pre_feedforward_layernorm`), `${at}.mlp`, mlp);
        return add(half, norm(b, fed, `${at}.post_feedforward_layernorm`));
      },
    });
  },
};
