/** OPT: learned positions from 2 on; norms before each half, or after (350m), and then a narrower embedding. */
import { add } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import type { Norm } from "../frame.ts";
import {
  activations,
  addPositions,
  divide,
  embedding,
  head,
  layerNorm,
  linear,
  mlp,
  plainLayerNorm,
} from "../parts.ts";
import { layersMax } from "../sizes.ts";

/** torch's LayerNorm without an argument. */
const epsilon = 1e-5;
/** The first rows of the table were once kept for padding. */
const positionOffset = 2;

export const opt: Architecture = {
  className: "OPTForCausalLM",
  modelType: "opt",
  prefix: "model.",
  read(config) {
    const vocabulary = config.integer("vocab_size");
    const hidden = config.integer("hidden_size");
    const layers = config.integer("num_hidden_layers", undefined, { max: layersMax });
    const heads = config.integer("num_attention_heads");
    const headSize = divide(config, hidden, heads, "hidden_size and num_attention_heads");
    const positionsMax = config.integer("max_position_embeddings", 2048);
    const width = config.integer("word_embed_proj_dim", hidden);
    const bias = config.flag("enable_bias", true);
    const mlpOptions = {
      size: config.integer("ffn_dim"),
      activation: config.choice("activation_function", activations, "relu"),
      bias,
    };
    const before = config.flag("do_layer_norm_before", true);
    const lastNorm = before && !config.flag("_remove_final_layer_norm", false);
    config.ignore("_remove_final_layer_norm");
    const affine = config.flag("layer_norm_elementwise_affine", true);
    const tied = config.flag("tie_word_embeddings", true);
    config.ignore("init_std", "gradient_checkpointing", "scale_embedding");

    const norm: Norm = (b, x, name) => (affine ? layerNorm(b, x, name, { epsilon }) : plainLayerNorm(x, epsilon));
    return {
      vocabulary,
      contextTokens: positionsMax,
      positionsMax,
      layers,
      width,
      ropes: {},
      embed(b) {
        const words = embedding(b, "model.decoder.embed_tokens", vocabulary, width);
        const wide = width === hidden ? words : linear(b, words, "model.decoder.project_in", hidden);
        const table = { rows: positionsMax + positionOffset, offset: positionOffset };
        return addPositions(b, wide, "model.decoder.embed_positions", table);
      },
      layer(b, x, index) {
        const at = `model.decoder.layers.${index}`;
        const half = (y: typeof x, name: string, compute: (y: typeof x) => typeof x) =>
          before ? add(y, compute(norm(b, y, `${at}.${name}`))) : norm(b, add(y, compute(y)), `${at}.${name}`);
        const options = {
          layer: index,
          heads,
          kvHeads: heads,
          headSize,
          bias: { projections: bias, output: bias },
          output: "out_proj",
        };
        const attended = half(x, "self_attn_layer_norm", (y) => selfAttention(b, y, `${at}.self_attn`, options));
        return half(attended, "final_layer_norm", (y) => mlp(b, y, { up: `${at}.fc1`, down: `${at}.fc2` }, mlpOptions));
      },
      finish(b, x) {
        const normed = lastNorm ? norm(b, x, "model.decoder.final_layer_norm") : x;
        return width === hidden ? normed : linear(b, normed, "model.decoder.project_out", width);
      },
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.decoder.embed_tokens" }),
    };
  },
};
