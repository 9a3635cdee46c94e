/** BLOOM: ALiBi, a norm after the embedding, fused projections head by head, tied. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { alibiBias, alibiSlopes, splitByGroup } from "../attention.ts";
import { activations, divide, embedding, head, layerNorm, linear, mlp } from "../parts.ts";
import { layersMax } from "../sizes.ts";

export const bloom: Architecture = {
  className: "BloomForCausalLM",
  modelType: "bloom",
  prefix: "transformer.",
  read(config) {
    const vocabulary = config.integer("vocab_size");
    const hidden = config.has("n_embed") ? config.integer("n_embed") : config.integer("hidden_size");
    const layers = config.integer(config.has("n_layer") ? "n_layer" : "num_hidden_layers", undefined, {
      max: layersMax,
    });
    const heads = config.integer(config.has("n_head") ? "n_head" : "num_attention_heads");
    const headSize = divide(config, hidden, heads, "hidden_size and n_head");
    const epsilon = config.number("layer_norm_epsilon", 1e-5, { min: 0 });
    const afterNorm = config.flag("apply_residual_connection_post_layernorm", false);
    const contextTokens = config.integer("seq_length", 2048);
    const tied = config.flag("tie_word_embeddings", true);
    // Names under which the sizes appear twice, and switches of the training code that the class does not read.
    config.ignore("hidden_size", "num_hidden_layers", "num_attention_heads", "n_inner", "slow_but_exact");
    config.ignore("attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion", "offset_alibi");
    config.ignore("skip_bias_add", "skip_bias_add_qkv");

    return {
      vocabulary,
      contextTokens,
      layers,
      width: hidden,
      ropes: {},
      embed(b) {
        const words = embedding(b, "transformer.word_embeddings", vocabulary, hidden);
        return layerNorm(b, words, "transformer.word_embeddings_layernorm", { epsilon });
      },
      layer(b, x, index) {
        const at = `transformer.h.${index}`;
        const input = layerNorm(b, x, `${at}.input_layernorm`, { epsilon });
        const fused = linear(b, input, `${at}.self_attention.query_key_value`, 3 * hidden, { bias: true });
        const sizes = { heads, kvHeads: heads, headSize };
        const { query, key, value } = splitByGroup(fused, sizes);
        const scoreBias = alibiBias(b, alibiSlopes(heads));
        const mixed = b.attention(query, key, value, { layer: index, ...sizes, scoreBias });
        const attended = linear(b, mixed, `${at}.self_attention.dense`, hidden, { bias: true });
        const half = add(afterNorm ? input : x, attended);

        const normed = layerNorm(b, half, `${at}.post_attention_layernorm`, { epsilon });
        const names = { up: `${at}.mlp.dense_h_to_4h`, down: `${at}.mlp.dense_4h_to_h` };
        const options = { size: 4 * hidden, activation: activations.gelu_pytorch_tanh!, bias: true };
        return add(afterNorm ? normed : half, mlp(b, normed, names, options));
      },
      finish: (b, x) => layerNorm(b, x, "transformer.ln_f", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "transformer.word_embeddings" }),
    };
  },
};
