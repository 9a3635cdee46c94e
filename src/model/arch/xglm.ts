/** XGLM: computed sinusoids for positions, embeddings times √hidden, norms before each half, tied. */
import { add, mul } from "../../graph/expression.ts";
import type { Architecture } from "../architecture.ts";
import { selfAttention } from "../attention.ts";
import { activations, divide, embedding, head, layerNorm, mlp, preNormLayer } from "../parts.ts";
import type { Rope } from "../rope.ts";
import { layersMax } from "../sizes.ts";

/** torch's LayerNorm without an argument. */
const epsilon = 1e-5;
/** Positions are counted from here: the first two were once kept for padding. */
const firstPosition = 2;

export const xglm: Architecture = {
  className: "XGLMForCausalLM",
  modelType: "xglm",
  prefix: "model.",
  read(config) {
    const vocabulary = config.integer("vocab_size");
    const hidden = config.integer("d_model");
    const layers = config.integer("num_layers", undefined, { max: layersMax });
    const heads = config.integer("attention_heads");
    const headSize = divide(config, hidden, heads, "d_model and attention_heads");
    if (hidden % 2 === 1 || hidden < 4 || hidden > 1 << 20) config.refuse("d_model", "there are pairs of sinusoids");
    const contextTokens = config.integer("max_position_embeddings", 2048);
    const mlpOptions = {
      size: config.integer("ffn_dim"),
      activation: config.choice("activation_function", activations, "gelu"),
      bias: true,
    };
    const scale = config.flag("scale_embedding", true) ? Math.sqrt(hidden) : 1;
    const tied = config.flag("tie_word_embeddings", true);
    // The table of sinusoids has a row of zeros at the number of the padding token.
    const zeroPosition = config.integer("pad_token_id", 1, { min: 0 });
    config.ignore("init_std");

    const sinusoids = sinusoidsOf(hidden);
    return {
      vocabulary,
      contextTokens,
      layers,
      width: hidden,
      ropes: { positions: sinusoids },
      embed(b) {
        const words = mul(embedding(b, "model.embed_tokens", vocabulary, hidden), scale);
        const places = b.sinusoids("positions", sinusoids, zeroPosition - firstPosition);
        return b.rows(add(b.sequences(words), places));
      },
      layer(b, x, index) {
        const at = `model.layers.${index}`;
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
      finish: (b, x) => layerNorm(b, x, "model.layer_norm", { epsilon }),
      head: (b, x) => head(b, x, { vocabulary, tied, embedding: "model.embed_tokens" }),
    };
  },
};

/** Frequencies exp(−i · ln 10,000 / (hidden/2 − 1)), a sine and a cosine each (tensor2tensor's sinusoids). */
function sinusoidsOf(hidden: number): Rope {
  const half = hidden / 2;
  const step = Math.fround(Math.log(10_000) / (half - 1));
  const inverse = Float32Array.from({ length: half }, (_, pair) => Math.exp(Math.fround(pair * -step)));
  const frequencies = { inverse, scale: 1 };
  return { rotated: hidden, frequencies: () => frequencies, firstPosition };
}
