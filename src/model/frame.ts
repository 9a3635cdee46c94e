/** The frame that most decoders have: `model.embed_tokens`, the layers, `model.norm`, `lm_head`. */
import { mul } from "../graph/expression.ts";
import type { Node } from "../graph/node.ts";
import type { LanguageModel } from "./architecture.ts";
import type { Builder } from "./builder.ts";
import { embedding, head, preNormLayer } from "./parts.ts";
import type { Rope } from "./rope.ts";
import type { DecoderSizes } from "./sizes.ts";

/** A norm whose parameters are found at `name`. */
export type Norm = (b: Builder, x: Node, name: string) => Node;

export interface Frame {
  readonly ropes: Readonly<Record<string, Rope>>;
  /** Whether the head is the embedding (see `head` in parts.ts). */
  readonly tied: boolean;
  readonly norm: Norm;
  readonly layer: LanguageModel["layer"];
  /** What embeddings are multiplied with. */
  readonly embeddingScale?: number;
  /** What becomes of the logits. */
  readonly logits?: (logits: Node) => Node;
  /** The last norm's name; `model.norm` when absent. */
  readonly lastNorm?: string;
  readonly headBias?: boolean;
}

export function frame(sizes: DecoderSizes, parts: Frame): LanguageModel {
  const { vocabulary, hidden, layers, contextTokens } = sizes;
  const { tied, embeddingScale: scale = 1, logits = (x) => x, lastNorm = "model.norm", headBias: bias = false } = parts;
  const name = "model.embed_tokens";
  return {
    vocabulary,
    contextTokens,
    layers,
    width: hidden,
    ropes: parts.ropes,
    embed(b) {
      const words = embedding(b, name, vocabulary, hidden);
      return scale === 1 ? words : mul(words, scale);
    },
    layer: parts.layer,
    finish: (b, x) => parts.norm(b, x, lastNorm),
    head: (b, x) => logits(head(b, x, { vocabulary, tied, embedding: name, bias })),
  };
}

/** Llama's layer with Llama's names for the norms: one before attention, one before the MLP. */
export function preNorm(
  b: Builder,
  x: Node,
  at: string,
  parts: { readonly norm: Norm; readonly attend: (x: Node) => Node; readonly feed: (x: Node) => Node },
): Node {
  const norms = ["input_layernorm", "post_attention_layernorm"].map(
    (name) => (y: Node) => parts.norm(b, y, `${at}.${name}`),
  ) as [(y: Node) => Node, (y: Node) => Node];
  return preNormLayer(x, { norms, attend: parts.attend, feed: parts.feed });
}
