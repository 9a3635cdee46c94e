/** How each operation is said in ONNX (opset 23) or in onnxruntime's own operators (com.microsoft): one rule a kind. */
import { assert } from "../base/assert.ts";
import type { Node } from "./node.ts";
import { elementTypes } from "./onnx-schema.ts";
import { type Attention, cachedHeadSize, type Dim, type OpKind, type OpOf, type Reduction, type Shape } from "./op.ts";

/** One node of ONNX. `undefined` leaves an optional input or result out. */
export interface Call {
  readonly type: string;
  readonly domain?: "com.microsoft";
  readonly inputs: readonly (string | undefined)[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** How many results, or their names. */
  readonly results?: number | readonly (string | undefined)[];
}

/** Integers, `{float}` for a float attribute, texts and lists of integers. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number };

/** What the rules may ask for while a node is written. */
export interface Scope {
  /** The name of a size as an i64 vector of one element. */
  readonly size: (size: Dim) => string;
  /** Whether a size can be told: a product of others cannot. */
  readonly tells: (size: Dim) => boolean;
  /** The name of a shape as an i64 vector. */
  readonly shape: (shape: Shape) => string;
  /** The name of an i64 vector. */
  readonly integers: (values: readonly number[]) => string;
  /** Writes a call and returns the names of its results. */
  readonly call: (call: Call) => readonly string[];
}

/** Writes a node's calls and returns the names of its results. `inputs` are the names of the results of each input. */
type Rule<K extends OpKind> = (op: OpOf<K>, inputs: Results, node: Node, scope: Scope) => readonly string[];
type Results = readonly (readonly string[])[];

/** Kinds that are written as calls; the leaves are written as what they are. */
export type Written = Exclude<OpKind, "Input" | "Parameter" | "Constant">;

const firsts = (inputs: Results) => inputs.map(([first]) => first);

/** The operator of the same name, without attributes. */
const plain = (op: { readonly kind: OpKind }, inputs: Results, _: Node, scope: Scope) =>
  scope.call({ type: op.kind, inputs: firsts(inputs) });

const simple = <K extends OpKind>(
  type: string,
  attributes: (op: OpOf<K>) => Readonly<Record<string, AttributeValue>>,
  domain?: "com.microsoft",
): Rule<K> => {
  return (op, inputs, _, scope) =>
    scope.call({ type, ...(domain && { domain }), inputs: firsts(inputs), attributes: attributes(op) });
};

const reduction = ({ kind, axes }: Reduction, inputs: Results, _: Node, scope: Scope) =>
  scope.call({ type: kind, inputs: [...firsts(inputs), scope.integers(axes)], attributes: { keepdims: 1 } });

export const operators: { readonly [K in Written]: Rule<K> } = {
  Neg: plain,
  Abs: plain,
  Sign: plain,
  Exp: plain,
  Log: plain,
  Sqrt: plain,
  Reciprocal: plain,
  Tanh: plain,
  Sigmoid: plain,
  Erf: plain,
  Relu: plain,
  Softplus: plain,
  Not: plain,
  Add: plain,
  Sub: plain,
  Mul: plain,
  Div: plain,
  Min: plain,
  Max: plain,
  And: plain,
  Or: plain,
  Less: plain,
  LessOrEqual: plain,
  Greater: plain,
  GreaterOrEqual: plain,
  Equal: plain,
  Where: plain,
  MatMul: plain,
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceLogSumExp: reduction,
  Iota: ({ length }, _inputs, _node, scope) => {
    const end = scope.call({ type: "Squeeze", inputs: [scope.size(length), scope.integers([0])] })[0];
    const [zero, one] = [0, 1].map(
      (value) => scope.call({ type: "Squeeze", inputs: [scope.integers([value]), scope.integers([0])] })[0],
    );
    return scope.call({ type: "Range", inputs: [zero, end, one] });
  },
  Cast: simple("Cast", ({ to }) => ({ to: elementTypes[to] })),
  Gemm: multiply,
  Transpose: simple("Transpose", ({ permutation }) => ({ perm: permutation })),
  Reshape: ({ shape }, inputs, _, scope) =>
    scope.call({ type: "Reshape", inputs: [inputs[0]![0], target(shape, scope)] }),
  Expand: ({ shape }, inputs, _, scope) => scope.call({ type: "Expand", inputs: [inputs[0]![0], scope.shape(shape)] }),
  Concat: simple("Concat", ({ axis }) => ({ axis })),
  Slice: ({ axis, start, end, step }, inputs, _, scope) => {
    if (typeof end === "string") return inputs[0]!;
    const bounds = [[start], [end], [axis], [step]].map((values) => scope.integers(values));
    return scope.call({ type: "Slice", inputs: [inputs[0]![0], ...bounds] });
  },
  Gather: simple("Gather", ({ axis }) => ({ axis })),
  GatherElements: simple("GatherElements", ({ axis }) => ({ axis })),
  ScatterAddElements: simple("ScatterElements", ({ axis }) => ({ axis, reduction: "add" })),
  ScatterAddRows: (_op, inputs, _node, scope) => {
    const [data, rows, updates] = firsts(inputs);
    const column = scope.call({ type: "Unsqueeze", inputs: [rows, scope.integers([1])] })[0];
    return scope.call({ type: "ScatterND", inputs: [data, column, updates], attributes: { reduction: "add" } });
  },
  TakeBlock: ({ axis, index }, inputs, _, scope) => {
    const [x, ...places] = firsts(inputs);
    return scope.call({ type: "Gather", inputs: [x, places[index]], attributes: { axis } });
  },
  JoinBlocks: ({ axis }, inputs, _, scope) => {
    const blocks = firsts(inputs).slice(0, inputs.length / 2);
    return scope.call({ type: "Concat", inputs: blocks, attributes: { axis } });
  },
  Softmax: simple("Softmax", ({ axis }) => ({ axis })),
  TopKIndices: ({ k }, inputs, _, scope) => {
    const inputsOfTopK = [inputs[0]![0], scope.integers([k])];
    return [scope.call({ type: "TopK", inputs: inputsOfTopK, results: 2 })[1]!];
  },
  NonZeroRows: (_op, inputs, _node, scope) => {
    const places = scope.call({ type: "NonZero", inputs: [inputs[0]![0]] })[0];
    return scope.call({ type: "Squeeze", inputs: [places, scope.integers([0])] });
  },
  // onnxruntime's own name for RMS normalisation; it has a CPU kernel in every release.
  RmsNorm: simple("SimplifiedLayerNormalization", ({ epsilon }) => ({ epsilon: { float: epsilon }, axis: -1 })),
  LayerNorm: simple("LayerNormalization", ({ epsilon }) => ({ epsilon: { float: epsilon }, axis: -1 })),
  Gelu: simple("Gelu", ({ tanh }) => ({ approximate: tanh ? "tanh" : "none" })),
  Silu: simple("QuickGelu", ({ scale }) => ({ alpha: { float: scale } }), "com.microsoft"),
  Rotary: (op, inputs, node, scope) => {
    const [x, positions, cos, sin] = firsts(inputs);
    const headSize = (node.shape[2] as number) / op.heads;
    const attributes = {
      interleaved: Number(op.interleaved),
      // 0 means all of a head; the kernel takes a number only for less than that.
      rotary_embedding_dim: op.rotated === headSize ? 0 : op.rotated,
      num_heads: op.heads,
    };
    return scope.call({
      type: "RotaryEmbedding",
      domain: "com.microsoft",
      inputs: [x, positions, cos, sin],
      attributes,
    });
  },
  Attention: attend,
};

/** Numbers of f32 in a page: entries of a column that lie whole pages apart share few lines of the processor's caches. */
const pageNumbers = 1024;
const stripNumbers = 4 * pageNumbers + 16;

/**
 * A product that reads its first matrix by columns crawls where rows are whole pages long, as those of logits often are:
 * then strips of the matrix are copied out, of a width that is not, and multiplied one after the other.
 */
function multiply({ transA, transB }: OpOf<"Gemm">, inputs: Results, node: Node, scope: Scope): readonly string[] {
  const [a, b, c] = firsts(inputs);
  const attributes = { transA: Number(transA), transB: Number(transB) };
  const [rows] = node.shape;
  const crawls = transA && typeof rows === "number" && rows > stripNumbers && rows % pageNumbers === 0;
  const spread = c !== undefined && node.inputs[2]!.shape[0] !== rows;
  if (!crawls || spread) return scope.call({ type: "Gemm", inputs: [a, b, c], attributes });
  const strips: (string | undefined)[] = [];
  for (let start = 0; start < rows; start += stripNumbers) {
    const strip = (x: string | undefined, axis: number) => {
      const bounds = [[start], [Math.min(rows, start + stripNumbers)], [axis], [1]];
      return x && scope.call({ type: "Slice", inputs: [x, ...bounds.map((values) => scope.integers(values))] })[0];
    };
    strips.push(scope.call({ type: "Gemm", inputs: [strip(a, 1), b, strip(c, 0)], attributes })[0]);
  }
  return scope.call({ type: "Concat", inputs: strips, attributes: { axis: 0 } });
}

/** A reshape may leave one size open, which saves computing it: one that nothing tells, or the only one that changes. */
function target(shape: readonly (number | string)[], scope: Scope): string {
  const symbols = shape.filter((size) => typeof size === "string");
  if (symbols.length === 1) return scope.integers(shape.map((size) => (typeof size === "string" ? -1 : size)));
  return scope.shape(shape.map((size) => (scope.tells(size) ? size : -1)));
}

function attend(op: Attention, inputs: Results, node: Node, scope: Scope): readonly string[] {
  assert(!op.positions, "the kernel of attention knows one sequence a row");
  const [query, key, value, lengths, total, ...optional] = firsts(inputs);
  const [pastKey, pastValue] = op.past ? optional.splice(0, 2) : [];
  const bias = op.bias ? optional.shift() : undefined;
  const sinks = op.sinks ? optional.shift() : undefined;
  const padded = [
    padHeads(query!, op.heads, op.headSize, scope),
    padHeads(key!, op.kvHeads, op.headSize, scope),
    padHeads(value!, op.kvHeads, op.headSize, scope),
  ];
  // The rotation is a node of its own, so the kernel's tables and positions (three inputs) are left out.
  const [result] = scope.call({
    type: "GroupQueryAttention",
    domain: "com.microsoft",
    inputs: [...padded, pastKey, pastValue, lengths, total, undefined, undefined, undefined, bias, sinks],
    attributes: {
      num_heads: op.heads,
      kv_num_heads: op.kvHeads,
      scale: { float: op.scale },
      softcap: { float: op.softcap },
      local_window_size: op.window === 0 ? -1 : op.window,
    },
    // The kernel joins past and new keys and values in its second and third results, whether or not they are read.
    results: 3,
  });
  return [cropHeads(result!, op, node, scope)];
}

/** [batch, tokens, heads · size] with every head's size brought to a multiple of 8; zeros change no score. */
function padHeads(x: string, heads: number, size: number, scope: Scope): string {
  const extra = cachedHeadSize(size) - size;
  if (extra === 0) return x;
  // 0 in a Reshape keeps the axis of the input.
  const split = scope.call({ type: "Reshape", inputs: [x, scope.integers([0, 0, heads, size])] })[0];
  const pads = scope.integers([0, 0, 0, 0, 0, 0, 0, extra]);
  const wide = scope.call({ type: "Pad", inputs: [split, pads] })[0];
  return scope.call({ type: "Reshape", inputs: [wide, scope.integers([0, 0, heads * (size + extra)])] })[0]!;
}

function cropHeads(x: string, { heads, headSize }: Attention, node: Node, scope: Scope): string {
  const wide = cachedHeadSize(headSize);
  if (wide === headSize) return x;
  const split = scope.call({ type: "Reshape", inputs: [x, scope.integers([0, 0, heads, wide])] })[0];
  const bounds = [[0], [headSize], [3], [1]].map((values) => scope.integers(values));
  const narrow = scope.call({ type: "Slice", inputs: [split, ...bounds] })[0];
  return scope.call({ type: "Reshape", inputs: [narrow, scope.integers([0, 0, node.shape[2] as number])] })[0]!;
}
