/** Mistral: Llama without biases, with a sliding window in every layer where the config sets one. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { activations, embedding, gatedMlp, head, preNormLayer, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readSizes, readWindow } from "../sizes.ts";

export const mistral: Architecture = {
  className: "MistralForCausalLM",
  modelType: "mistral",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 131_072, kvHeads: 8 });
    const { vocabulary, hidden, contextTokens } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const window = readWindow(config, 4096);
    const tied = config.flag("tie_word_embeddings", false);

    return {
      vocabulary,
      contextTokens,
      layers: sizes.layers,
      width: hidden,
      ropes: { rope },
      embed: (b) => embedding(b, "model.embed_tokens", vocabulary, hidden),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const norm = (name: string) => (y: typeof x) => rmsNorm(b, y, `${at}.${name}`, { epsilon });
        return preNormLayer(x, {
          norms: [norm("input_layernorm"), norm("post_attention_layernorm")],
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, { ...sizes, layer: index, window, rope: { name: "rope", rope } }),
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
      finish: (b, x) => rmsNorm(b, x, "model.norm", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.embed_tokens" }),
    };
  },
};
