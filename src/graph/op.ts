/**
 * Every operation that a graph may hold, as one closed union. A `Record<OpKind, …>` elsewhere (shapes, gradients, the
 * ONNX encoding) does not compile while a kind is missing from it.
 *
 * There are two families. PRIMITIVES correspond one to one to an operator of ONNX and each has a short gradient rule.
 * COMPOSITES name a whole formula for which onnxruntime has a fast kernel; for training they are rewritten into
 * primitives first (decompose.ts), so that no gradient rule is needed for them.
 */

/** Element types. The names are those of the safetensors format in lower case. */
export type Dtype = "f32" | "f16" | "bf16" | "i64" | "i32" | "bool";

/** A size: a number, or the name of a size that is known only when the graph runs (`"batch"`, `"tokens"`). */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** x → f(x), element by element, the type stays. */
export const unaryKinds = [
  "Neg",
  "Abs",
  "Sign",
  "Exp",
  "Log",
  "Sqrt",
  "Reciprocal",
  "Tanh",
  "Sigmoid",
  "Erf",
  "Relu",
  "Softplus",
  "Not",
] as const;
/** (a, b) → f(a, b) with NumPy's broadcasting. `Min`, `Max` take two operands. */
export const binaryKinds = ["Add", "Sub", "Mul", "Div", "Min", "Max", "And", "Or"] as const;
/** (a, b) → bool with NumPy's broadcasting. */
export const comparisonKinds = ["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"] as const;
/** Reductions over `axes`. */
export const reductionKinds = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceLogSumExp"] as const;

export type UnaryKind = (typeof unaryKinds)[number];
export type BinaryKind = (typeof binaryKinds)[number];
export type ComparisonKind = (typeof comparisonKinds)[number];
export type ReductionKind = (typeof reductionKinds)[number];

/** The leaves of a graph: they have no inputs. */
export type Leaf =
  /** Fed at every run. */
  | { readonly kind: "Input"; readonly name: string; readonly dtype: Dtype; readonly shape: Shape }
  /** A tensor of a model's files, in the type in which it is stored. Never constant for a gradient. */
  | { readonly kind: "Parameter"; readonly name: string; readonly dtype: Dtype; readonly shape: readonly number[] }
  /** A small tensor that the builder computed; `values` in row-major order. */
  | {
      readonly kind: "Constant";
      readonly dtype: "f32" | "i64" | "i32";
      readonly shape: readonly number[];
      readonly values: readonly number[];
    }
  /** 0, 1, …, length − 1 as i64. */
  | { readonly kind: "Iota"; readonly length: Dim };

/** Written out a member a kind, so that `Extract` finds each. */
export type Elementwise = {
  [K in UnaryKind | BinaryKind | ComparisonKind]: { readonly kind: K };
}[UnaryKind | BinaryKind | ComparisonKind];

/** Axes are non-negative and the reduced axes stay with size 1. */
export type Reduction = {
  [K in ReductionKind]: { readonly kind: K; readonly axes: readonly number[] };
}[ReductionKind];

export type Primitive =
  | Elementwise
  | Reduction
  /** (condition, a, b) → a where the condition holds, else b; broadcasting. */
  | { readonly kind: "Where" }
  | { readonly kind: "Cast"; readonly to: Dtype }
  /** [… , m, k] × [… , k, n] → [… , m, n], leading axes broadcast. */
  | { readonly kind: "MatMul" }
  /** op(a) · op(b) [+ c] of matrices; `transB` takes a weight [out, in] as it is stored. The third input is optional. */
  | { readonly kind: "Gemm"; readonly transA: boolean; readonly transB: boolean }
  | { readonly kind: "Transpose"; readonly permutation: readonly number[] }
  | { readonly kind: "Reshape"; readonly shape: Shape }
  | { readonly kind: "Expand"; readonly shape: Shape }
  | { readonly kind: "Concat"; readonly axis: number }
  /** Elements start, start + step, … < end along the axis; `end` may be a symbolic size (all of it). */
  | { readonly kind: "Slice"; readonly axis: number; readonly start: number; readonly end: Dim; readonly step: number }
  /** (data, indices) → data's axis replaced by the axes of indices. */
  | { readonly kind: "Gather"; readonly axis: number }
  /** (data, indices) → out[i][j] = data[i][indices[i][j]] for axis 1, same rank. */
  | { readonly kind: "GatherElements"; readonly axis: number }
  /** (data, indices, updates) → data with updates ADDED at indices along the axis, same rank. */
  | { readonly kind: "ScatterAddElements"; readonly axis: number }
  /** (data, rows, updates): data[rows[i]] += updates[i]; rows is i64 [n], updates [n, …]. */
  | { readonly kind: "ScatterAddRows" }
  /**
   * (x, places of block 0, places of block 1, …) → the block `index` of x along the axis. Places are i64 [size of the
   * block]; all blocks together name every place of the axis once, in order.
   */
  | { readonly kind: "TakeBlock"; readonly axis: number; readonly index: number }
  /** (block 0, block 1, …, places of block 0, places of block 1, …) → what the blocks were taken of, `size` along the axis. */
  | { readonly kind: "JoinBlocks"; readonly axis: number; readonly size: Dim }
  | { readonly kind: "Softmax"; readonly axis: number }
  /** Positions (i64) of the k largest along the last axis, largest first. */
  | { readonly kind: "TopKIndices"; readonly k: number }
  /** bool [n] → i64 [count]: where it is true. `count` names the size, which depends on the data. */
  | { readonly kind: "NonZeroRows"; readonly count: string };

export type Composite =
  /** (x, weight) → x / √(mean x² + ε) · weight over the last axis. */
  | { readonly kind: "RmsNorm"; readonly epsilon: number }
  /** (x, weight[, bias]) over the last axis. */
  | { readonly kind: "LayerNorm"; readonly epsilon: number }
  /** x · Φ(x), or its tanh approximation. */
  | { readonly kind: "Gelu"; readonly tanh: boolean }
  /** x · σ(scale · x). Scale 1 is SiLU, 1.702 the quick form of GELU. */
  | { readonly kind: "Silu"; readonly scale: number }
  /**
   * (x [batch, tokens, heads · headSize], positions i64 [batch, tokens], cos, sin [rows, rotated / 2]): each token is
   * turned by its position's row of the tables.
   */
  | { readonly kind: "Rotary"; readonly heads: number; readonly rotated: number; readonly interleaved: boolean }
  | Attention;

/**
 * Causal attention of a chunk of tokens to itself and to the keys and values before it.
 *
 * Inputs in this order: query [batch, tokens, heads · headSize]; key and value [batch, tokens, kvHeads · headSize];
 * lengths i32 [batch], the number of valid keys − 1 (right padding); total i32 [], past + tokens; then, where the flag
 * is set: pastKey and pastValue [batch, kvHeads, past, cachedHeadSize(headSize)]; bias f32 [1 or batch, heads, tokens,
 * past + tokens], added to the scaled scores; sinks f32 [heads], a score more in every softmax whose value is nothing;
 * positions i64 [batch, tokens], for rows that hold several sequences one after the other: each token's place in its own,
 * before whose first token it sees nothing. Only decompose.ts computes positions: no kernel does.
 */
export interface Attention {
  readonly kind: "Attention";
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** What q·k is multiplied with. */
  readonly scale: number;
  /** cap · tanh(scores / cap); 0 is none. */
  readonly softcap: number;
  /** A query sees itself and the window − 1 tokens before it; 0 is all of them. */
  readonly window: number;
  readonly past: boolean;
  readonly bias: boolean;
  readonly sinks: boolean;
  readonly positions: boolean;
}

/** The kernel wants heads of a multiple of 8: smaller ones are padded with zeros, and cached that way. */
export function cachedHeadSize(headSize: number): number {
  return Math.ceil(headSize / 8) * 8;
}

export type Op = Leaf | Primitive | Composite;
export type OpKind = Op["kind"];
export type CompositeKind = Composite["kind"];
export type OpOf<K extends OpKind> = Extract<Op, { readonly kind: K }>;
