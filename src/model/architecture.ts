/** What an architecture is: how to read its config.json, and how to build its graph. */
import type { Node } from "../graph/node.ts";
import type { Builder } from "./builder.ts";
import type { ConfigReader } from "./config.ts";
import type { Rope } from "./rope.ts";

export interface Architecture {
  /** The name in `architectures` of config.json. */
  readonly className: string;
  /** The `model_type` that goes with it; transformers chooses the class by it. */
  readonly modelType: string;
  /** What the names of the body's tensors begin with; files of the body alone lack it. */
  readonly prefix: string;
  /** Tensors that files of this class hold although the model does not use them. */
  readonly unused?: RegExp;
  readonly read: (config: ConfigReader) => LanguageModel;
}

/** A causal language model with its sizes, in the order in which a token goes through it. */
export interface LanguageModel {
  readonly vocabulary: number;
  /** Tokens that the model was made for: `max_position_embeddings` or the like. */
  readonly contextTokens: number;
  /** The longest sequence that can be computed at all: the rows of a learned table of positions. */
  readonly positionsMax?: number;
  readonly layers: number;
  /** The width of what `finish` hands to `head`. */
  readonly width: number;
  /** The rotary tables that the graph is fed, by the name that the layers give them. */
  readonly ropes: Readonly<Record<string, Rope>>;
  /** → [rows, hidden] */
  readonly embed: (b: Builder) => Node;
  /** [rows, hidden] → [rows, hidden] */
  readonly layer: (b: Builder, x: Node, index: number) => Node;
  /** What comes after the last layer: [rows, hidden] → [rows, width]. */
  readonly finish: (b: Builder, x: Node) => Node;
  /** [rows, width] → logits [rows, vocabulary] */
  readonly head: (b: Builder, x: Node) => Node;
}
