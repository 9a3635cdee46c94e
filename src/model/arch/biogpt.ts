/** BioGPT: learned positions from 2 on, embeddings times √hidden, norms before each half, tied. */
import { mul } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { activations, addPositions, divide, embedding, head, layerNorm, mlp, preNormLayer } from "../parts.ts";
import { layersMax } from "../sizes.ts";

/** torch's LayerNorm without an argument: the class does not use `layer_norm_eps`. */
const epsilon = 1e-5;
/** The first rows of the table were once kept for padding. */
const positionOffset = 2;

export const biogpt: Architecture = {
  className: "BioGptForCausalLM",
  modelType: "biogpt",
  prefix: "biogpt.",
  read(config) {
    const vocabulary = config.integer("vocab_size");
    const hidden = config.integer("hidden_size");
    const layers = config.integer("num_hidden_layers", undefined, { max: layersMax });
    const heads = config.integer("num_attention_heads");
    const headSize = divide(config, hidden, heads, "hidden_size and num_attention_heads");
    const positionsMax = config.integer("max_position_embeddings", 1024);
    const mlpOptions = {
      size: config.integer("intermediate_size"),
      activation: config.choice("hidden_act", activations, "gelu"),
      bias: true,
    };
    const scale = config.flag("scale_embedding", true) ? Math.sqrt(hidden) : 1;
    const tied = config.flag("tie_word_embeddings", true);
    config.ignore("layer_norm_eps", "attention_probs_dropout_prob", "hidden_dropout_prob");

    return {
      vocabulary,
      contextTokens: positionsMax,
      positionsMax,
      layers,
      width: hidden,
      ropes: {},
      embed(b) {
        const words = mul(embedding(b, "biogpt.embed_tokens", vocabulary, hidden), scale);
        const table = { rows: positionsMax + positionOffset, offset: positionOffset };
        return addPositions(b, words, "biogpt.embed_positions", table);
      },
      layer(b, x, index) {
        const at = `biogpt.layers.${index}`;
        const norm = (name: string) => (y: typeof x) => layerNorm(b, y, `${at}.${name}`, { epsilon });
        return preNormLayer(x, {
          norms: [norm("self_attn_layer_norm"), norm("final_layer_norm")],
          attend: (y) =>
            selfAttention(b, y, `${at}.self_attn`, {
              layer: index,
              heads,
              kvHeads: heads,
              headSize,
              bias: { projections: true, output: true },
              output: "out_proj",
            }),
          feed: (y) => mlp(b, y, { up: `${at}.fc1`, down: `${at}.fc2` }, mlpOptions),
        });
      },
      finish: (b, x) => layerNorm(b, x, "biogpt.layer_norm", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "biogpt.embed_tokens", name: "output_projection" }),
    };
  },
};
