/** The decoder of BART on its own: learned positions from 2 on, norms after each half, one norm after the embedding. */
import { add, mul } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { activations, addPositions, divide, embedding, head, layerNorm, mlp } from "../parts.ts";
import { layersMax } from "../sizes.ts";

/** torch's LayerNorm without an argument. */
const epsilon = 1e-5;
/** The first rows of the table were once kept for padding. */
const positionOffset = 2;

export const bart: Architecture = {
  className: "BartForCausalLM",
  modelType: "bart",
  prefix: "model.",
  // The class holds them, and a model without an encoder never reaches them.
  unused: /\.encoder_attn(_layer_norm)?\./,
  read(config) {
    const vocabulary = config.integer("vocab_size");
    const hidden = config.integer("d_model");
    const layers = config.integer("decoder_layers", undefined, { max: layersMax });
    const heads = config.integer("decoder_attention_heads");
    const headSize = divide(config, hidden, heads, "d_model and decoder_attention_heads");
    const positionsMax = config.integer("max_position_embeddings", 1024);
    const mlpOptions = {
      size: config.integer("decoder_ffn_dim"),
      activation: config.choice("activation_function", activations, "gelu"),
      bias: true,
    };
    const scale = config.flag("scale_embedding", false) ? Math.sqrt(hidden) : 1;
    const tied = config.flag("tie_word_embeddings", true);
    config.ignore("encoder_layers", "encoder_ffn_dim", "encoder_attention_heads", "num_hidden_layers", "init_std");
    config.ignore("encoder_layerdrop", "decoder_layerdrop", "is_decoder", "normalize_before", "normalize_embedding");
    config.ignore("gradient_checkpointing", "add_bias_logits", "add_final_layer_norm", "classif_dropout");

    return {
      vocabulary,
      contextTokens: positionsMax,
      positionsMax,
      layers,
      width: hidden,
      ropes: {},
      embed(b) {
        const words = mul(embedding(b, "model.decoder.embed_tokens", vocabulary, hidden), scale);
        const table = { rows: positionsMax + positionOffset, offset: positionOffset };
        const placed = addPositions(b, words, "model.decoder.embed_positions", table);
        return layerNorm(b, placed, "model.decoder.layernorm_embedding", { epsilon });
      },
      layer(b, x, index) {
        const at = `model.decoder.layers.${index}`;
        const attended = selfAttention(b, x, `${at}.self_attn`, {
          layer: index,
          heads,
          kvHeads: heads,
          headSize,
          bias: { projections: true, output: true },
          output: "out_proj",
        });
        const half = layerNorm(b, add(x, attended), `${at}.self_attn_layer_norm`, { epsilon });
        const fed = mlp(b, half, { up: `${at}.fc1`, down: `${at}.fc2` }, mlpOptions);
        return layerNorm(b, add(half, fed), `${at}.final_layer_norm`, { epsilon });
      },
      finish: (_b, x) => x,
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.decoder.embed_tokens" }),
    };
  },
};
