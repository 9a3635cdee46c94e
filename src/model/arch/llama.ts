/** Llama: RMSNorm, rotary grouped-query attention, a gated MLP; norms before each half of a layer. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { activations, embedding, gatedMlp, head, linear, rmsNorm } from "../parts.ts";
import { readRope, ropeObject } from "../rope.ts";
import { readSizes } from "../sizes.ts";

export const llama: Architecture = {
  className: "LlamaForCausalLM",
  modelType: "llama",
  prefix: "model.",
  read(config) {
    const sizes = readSizes(config, { contextTokens: 2048 });
    const { vocabulary, hidden, layers, heads, kvHeads, headSize, contextTokens } = sizes;
    const mlpOptions = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "silu"),
      bias: config.flag("mlp_bias", false),
    };
    const bias = config.flag("attention_bias", false);
    const epsilon = config.number("rms_norm_eps", 1e-6, { min: 0 });
    const theta = config.number("rope_theta", 10_000, { min: 1 });
    const rope = readRope(ropeObject(config), { rotated: headSize, theta, contextTokens });
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
        const normed = rmsNorm(b, x, `${at}.input_layernorm`, { epsilon });
        const query = linear(b, normed, `${at}.self_attn.q_proj`, heads * headSize, { bias });
        const key = linear(b, normed, `${at}.self_attn.k_proj`, kvHeads * headSize, { bias });
        const value = linear(b, normed, `${at}.self_attn.v_proj`, kvHeads * headSize, { bias });
        const options = { layer: index, heads, kvHeads, headSize, rope: { name: "rope", rope } };
        const mixed = b.attention(query, key, value, options);
        const attended = add(x, linear(b, mixed, `${at}.self_attn.o_proj`, hidden, { bias }));
        const normedAgain = rmsNorm(b, attended, `${at}.post_attention_layernorm`, { epsilon });
        return add(attended, gatedMlp(b, normedAgain, `${at}.mlp`, mlpOptions));
      },
      finish: (b, x) => rmsNorm(b, x, "model.norm", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.embed_tokens" }),
    };
  },
};
