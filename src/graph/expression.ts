/** How graphs are written: `add(x, mul(y, 2))`. Each function makes one node; a number stands for an f32 constant. */
import { createNode, type Node } from "./node.ts";
import type { Attention, BinaryKind, ComparisonKind, Dim, Dtype, ReductionKind, Shape, UnaryKind } from "./op.ts";

export type Operand = Node | number;

export function input(name: string, dtype: Dtype, shape: Shape): Node {
  return createNode({ kind: "Input", name, dtype, shape });
}

export function parameter(name: string, dtype: Dtype, shape: readonly number[]): Node {
  return createNode({ kind: "Parameter", name, dtype, shape });
}

export function constant(
  values: number | readonly number[],
  shape?: readonly number[],
  dtype: "f32" | "i64" | "i32" = "f32",
): Node {
  const list = typeof values === "number" ? [values] : values;
  return createNode({
    kind: "Constant",
    dtype,
    shape: shape ?? (typeof values === "number" ? [] : [list.length]),
    values: list,
  });
}

export function iota(length: Dim): Node {
  return createNode({ kind: "Iota", length });
}

const unary = (kind: UnaryKind) => (x: Node) => createNode({ kind }, [x]);
export const neg = unary("Neg");
export const abs = unary("Abs");
export const sign = unary("Sign");
export const exp = unary("Exp");
export const log = unary("Log");
export const sqrt = unary("Sqrt");
export const reciprocal = unary("Reciprocal");
export const tanh = unary("Tanh");
export const sigmoid = unary("Sigmoid");
export const erf = unary("Erf");
export const relu = unary("Relu");
export const softplus = unary("Softplus");
export const not = unary("Not");

const binary = (kind: BinaryKind | ComparisonKind) => (a: Operand, b: Operand) =>
  createNode({ kind }, [operand(a), operand(b)]);
export const add = binary("Add");
export const sub = binary("Sub");
export const mul = binary("Mul");
export const div = binary("Div");
export const min = binary("Min");
export const max = binary("Max");
export const and = binary("And");
export const lessOrEqual = binary("LessOrEqual");
export const greater = binary("Greater");
export const greaterOrEqual = binary("GreaterOrEqual");
export const equal = binary("Equal");

const reduction = (kind: ReductionKind) => (x: Node, axes: readonly number[]) => createNode({ kind, axes }, [x]);
export const reduceSum = reduction("ReduceSum");
export const reduceMean = reduction("ReduceMean");
export const reduceMax = reduction("ReduceMax");
export const reduceLogSumExp = reduction("ReduceLogSumExp");

export function where(condition: Node, a: Operand, b: Operand): Node {
  return createNode({ kind: "Where" }, [condition, operand(a), operand(b)]);
}

/** A cast to the type that the node has already is the node itself. */
export function cast(x: Node, to: Dtype): Node {
  return x.dtype === to ? x : createNode({ kind: "Cast", to }, [x]);
}

export function matmul(a: Node, b: Node): Node {
  return createNode({ kind: "MatMul" }, [a, b]);
}

export function gemm(a: Node, b: Node, options: { transA?: boolean; transB?: boolean; bias?: Node } = {}): Node {
  const { transA = false, transB = false, bias } = options;
  return createNode({ kind: "Gemm", transA, transB }, bias === undefined ? [a, b] : [a, b, bias]);
}

export function transpose(x: Node, permutation: readonly number[]): Node {
  return createNode({ kind: "Transpose", permutation }, [x]);
}

export function reshape(x: Node, shape: Shape): Node {
  return createNode({ kind: "Reshape", shape }, [x]);
}

export function expand(x: Node, shape: Shape): Node {
  return createNode({ kind: "Expand", shape }, [x]);
}

export function concat(parts: readonly Node[], axis: number): Node {
  return createNode({ kind: "Concat", axis }, parts);
}

export function slice(x: Node, axis: number, start: number, end: Dim, step = 1): Node {
  return createNode({ kind: "Slice", axis, start, end, step }, [x]);
}

export function gather(data: Node, indices: Node, axis = 0): Node {
  return createNode({ kind: "Gather", axis }, [data, indices]);
}

export function gatherElements(data: Node, indices: Node, axis: number): Node {
  return createNode({ kind: "GatherElements", axis }, [data, indices]);
}

export function scatterAddElements(data: Node, indices: Node, updates: Node, axis: number): Node {
  return createNode({ kind: "ScatterAddElements", axis }, [data, indices, updates]);
}

export function scatterAddRows(data: Node, rows: Node, updates: Node): Node {
  return createNode({ kind: "ScatterAddRows" }, [data, rows, updates]);
}

export function takeBlock(x: Node, places: readonly Node[], axis: number, index: number): Node {
  return createNode({ kind: "TakeBlock", axis, index }, [x, ...places]);
}

export function joinBlocks(blocks: readonly Node[], places: readonly Node[], axis: number, size: Dim): Node {
  return createNode({ kind: "JoinBlocks", axis, size }, [...blocks, ...places]);
}

export function softmax(x: Node, axis = x.shape.length - 1): Node {
  return createNode({ kind: "Softmax", axis }, [x]);
}

export function topKIndices(x: Node, k: number): Node {
  return createNode({ kind: "TopKIndices", k }, [x]);
}

export function nonZeroRows(x: Node, count: string): Node {
  return createNode({ kind: "NonZeroRows", count }, [x]);
}

export function rmsNorm(x: Node, weight: Node, epsilon: number): Node {
  return createNode({ kind: "RmsNorm", epsilon }, [x, weight]);
}

export function layerNorm(x: Node, weight: Node, bias: Node | undefined, epsilon: number): Node {
  return createNode({ kind: "LayerNorm", epsilon }, bias === undefined ? [x, weight] : [x, weight, bias]);
}

export function gelu(x: Node, tanhForm: boolean): Node {
  return createNode({ kind: "Gelu", tanh: tanhForm }, [x]);
}

export function silu(x: Node, scale = 1): Node {
  return createNode({ kind: "Silu", scale }, [x]);
}

export function rotary(
  x: Node,
  tables: { readonly positions: Node; readonly cos: Node; readonly sin: Node },
  options: { readonly heads: number; readonly rotated: number; readonly interleaved: boolean },
): Node {
  return createNode({ kind: "Rotary", ...options }, [x, tables.positions, tables.cos, tables.sin]);
}

/** The inputs of an Attention node by name; see op.ts for their shapes. */
export interface AttentionInputs {
  readonly query: Node;
  readonly key: Node;
  readonly value: Node;
  readonly lengths: Node;
  readonly total: Node;
  readonly past?: { readonly key: Node; readonly value: Node } | undefined;
  readonly bias?: Node | undefined;
  readonly sinks?: Node | undefined;
  readonly positions?: Node | undefined;
}

export function attention(
  inputs: AttentionInputs,
  options: Omit<Attention, "kind" | "past" | "bias" | "sinks" | "positions">,
): Node {
  const { query, key, value, lengths, total, past, bias, sinks, positions } = inputs;
  const optional = [past?.key, past?.value, bias, sinks, positions].filter((node) => node !== undefined);
  return createNode(
    { kind: "Attention", ...options, past: !!past, bias: !!bias, sinks: !!sinks, positions: !!positions },
    [query, key, value, lengths, total, ...optional],
  );
}

/** The inverse of `attention`: which of a node's inputs is which. */
export function attentionInputs(op: Attention, inputs: readonly Node[]): AttentionInputs {
  const [query, key, value, lengths, total, ...optional] = inputs as [Node, Node, Node, Node, Node, ...Node[]];
  const past = op.past ? { key: optional.shift()!, value: optional.shift()! } : undefined;
  const bias = op.bias ? optional.shift() : undefined;
  const sinks = op.sinks ? optional.shift() : undefined;
  const positions = op.positions ? optional.shift() : undefined;
  return { query, key, value, lengths, total, past, bias, sinks, positions };
}

function operand(x: Operand): Node {
  return typeof x === "number" ? constant(x) : x;
}
