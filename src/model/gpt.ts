/** The frame of GPT-2 and its relatives: `transformer.wte`, learned positions or none, `transformer.ln_f`, tied or not. */
import type { LanguageModel } from "./architecture.ts";
import type { ConfigReader } from "./config.ts";
import { addPositions, divide, embedding, head, layerNorm } from "./parts.ts";
import type { Rope } from "./rope.ts";
import { layersMax } from "./sizes.ts";

export interface GptSizes {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly positions: number;
}

/** `vocab_size`, `n_embd`, `n_layer`, `n_head`, `n_positions`. */
export function readGptSizes(config: ConfigReader, defaults: { readonly positions: number }): GptSizes {
  const hidden = config.integer("n_embd");
  const heads = config.integer("n_head");
  return {
    vocabulary: config.integer("vocab_size"),
    hidden,
    layers: config.integer("n_layer", undefined, { max: layersMax }),
    heads,
    headSize: divide(config, hidden, heads, "n_embd and n_head"),
    positions: config.integer("n_positions", defaults.positions),
  };
}

export interface GptFrame {
  readonly tied: boolean;
  readonly epsilon: number;
  readonly layer: LanguageModel["layer"];
  /** Instead of a learned table of positions. */
  readonly rope?: Rope;
  readonly headBias?: boolean;
}

export function gptFrame(sizes: GptSizes, { tied, epsilon, layer, rope, headBias = false }: GptFrame): LanguageModel {
  const { vocabulary, hidden, layers, positions } = sizes;
  return {
    vocabulary,
    contextTokens: positions,
    // The classes with rotary embedding keep a table of as many rows, so the limit is theirs too.
    positionsMax: positions,
    layers,
    width: hidden,
    ropes: rope === undefined ? {} : { rope },
    embed(b) {
      const words = embedding(b, "transformer.wte", vocabulary, hidden);
      return rope === undefined ? addPositions(b, words, "transformer.wpe", { rows: positions, offset: 0 }) : words;
    },
    layer,
    finish: (b, x) => layerNorm(b, x, "transformer.ln_f", { epsilon }),
    head: (b, x) => head(b, x, { vocabulary, tied, embedding: "transformer.wte", bias: headBias }),
  };
}
