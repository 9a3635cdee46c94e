/** Qwen 3: queries and keys are normalised head by head before rotation; head_dim stands on its own. */
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { activations, embedding, gatedMlp, head, perHead, preNormLayer, rmsNorm } from "../parts.ts";
import { readRope } from "../rope.ts";
import { readQwenWindows, readSizes } from "../sizes.ts";

export const qwen3: Architecture = {
  className: "Qwen3ForCausalLM",
  modelType: "qwen3",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 32_768, kvHeads: 32, headSize: 128 });
    const { vocabulary, hidden, contextTokens, layers, heads, kvHeads } = sizes;
    const mlp = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
    };
    const attentionBias = config.flag("attention_bias", false);
    const bias = { projections: attentionBias, output: attentionBias };
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const rope = readRope(config, { ...sizes, theta: 10_000 });
    const windows = readQwenWindows(config, layers);
    const tied = config.flag("tie_word_embeddings", false);

    return {
      vocabulary,
      contextTokens,
      layers,
      width: hidden,
      ropes: { rope },
      embed: (b) => embedding(b, "model.embed_tokens", vocabulary, hidden),
      layer(b, x, index) {
        const at = `model.layers.${index}`;
        const norm = (name: string) => (y: typeof x) => rmsNorm(b, y, `${at}.${name}`, { epsilon });
        return preNormLayer(x, {
          norms: [norm("input_layernorm"), norm("post_attention_layernorm")],
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, {
              ...sizes,
              layer: index,
              bias,
              window: windows[index]!,
              rope: { name: "rope", rope },
              adjust: ({ query, key, value }) => ({
                query: perHead(query, heads, norm("self_attn.q_norm")),
                key: perHead(key, kvHeads, norm("self_attn.k_norm")),
                value,
              }),
            }),
          feed: (y) => gatedMlp(b, y, `${at}.mlp`, mlp),
        });
      },
      finish: (b, x) => rmsNorm(b, x, "model.norm", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.embed_tokens" }),
    };
  },
};
