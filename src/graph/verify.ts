/**
 * Checks a finished graph before it is run or differentiated. Its table stands apart from shape inference on purpose: a
 * mistake in one is found by the other. What it finds is a programmer's mistake and names the offending node.
 */
import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import type { Dtype, OpKind } from "./op.ts";
import { inferType } from "./shape.ts";

/** Returns one sentence for each thing that is wrong; nothing for a good graph. */
export function verify(graph: Graph): string[] {
  const problems: string[] = [];
  const seen = new Map<Node, number>();
  const names = new Map<string, Node>();
  const symbols = new Set(graph.nodes.flatMap(symbolsOf));
  graph.nodes.forEach((node, index) => {
    const complain = (what: string) => problems.push(`node ${index} ${describe(node)}: ${what}`);
    const { counts, dtypes } = signatures[node.op.kind];
    if (!counts.includes(node.inputs.length)) complain(`has ${node.inputs.length} inputs`);
    node.inputs.forEach((input, position) => {
      if (!seen.has(input)) complain(`reads input ${position} before it is made`);
      const allowed = dtypes[Math.min(position, dtypes.length - 1)];
      if (allowed !== undefined && !allowed.includes(input.dtype)) complain(`input ${position} is ${input.dtype}`);
    });
    const inferred = inferType(node.op, node.inputs);
    if (inferred.dtype !== node.dtype || inferred.shape.join() !== node.shape.join()) complain("type was not inferred");
    if (node.op.kind === "Input" || node.op.kind === "Parameter") {
      const other = names.get(node.op.name);
      if (other !== undefined) complain(`the name ${node.op.name} is taken`);
      names.set(node.op.name, node);
    }
    if (node.op.kind === "Constant" && !node.op.values.every(Number.isFinite)) complain("a value is not finite");
    const unknown = requested(node).filter((size) => typeof size === "string" && !symbols.has(size));
    // A reshape may leave one size to be worked out from the others.
    for (const size of unknown.slice(node.op.kind === "Reshape" ? 1 : 0)) complain(`no input has the size ${size}`);
    seen.set(node, index);
  });
  return problems;
}

/** The symbolic sizes that running the graph makes known: those of inputs, and counts that depend on data. */
function symbolsOf({ op }: Node): string[] {
  if (op.kind === "NonZeroRows") return [op.count];
  return op.kind === "Input" ? op.shape.filter((size) => typeof size === "string") : [];
}

/** The sizes that a node must be told at run time. */
function requested({ op }: Node): readonly (number | string)[] {
  if (op.kind === "Iota") return [op.length];
  if (op.kind === "Expand" || op.kind === "Reshape") return op.shape;
  return [];
}

/** `Add(f32[rows, 64], f32[64]) → f32[rows, 64]` */
export function describe({ op, inputs, dtype, shape }: Node): string {
  const type = (node: Pick<Node, "dtype" | "shape">) => `${node.dtype}[${node.shape.join(", ")}]`;
  const name = op.kind === "Input" || op.kind === "Parameter" ? ` ${op.name}` : "";
  return `${op.kind}${name}(${inputs.map(type).join(", ")}) → ${type({ dtype, shape })}`;
}

/** How many inputs an operation may have, and which types each may be of (the last entry holds for all that follow). */
interface Signature {
  readonly counts: readonly number[];
  readonly dtypes: readonly (readonly Dtype[])[];
}

const float: readonly Dtype[] = ["f32"];
const number: readonly Dtype[] = ["f32", "i64", "i32"];
const any: readonly Dtype[] = ["f32", "f16", "bf16", "i64", "i32", "bool"];
const index: readonly Dtype[] = ["i64", "i32"];
const bool: readonly Dtype[] = ["bool"];
const many = Array.from({ length: 64 }, (_, count) => count + 1);

const leaf: Signature = { counts: [0], dtypes: [] };
const floatUnary: Signature = { counts: [1], dtypes: [float] };
const numberBinary: Signature = { counts: [2], dtypes: [number] };
const logical: Signature = { counts: [2], dtypes: [bool] };

const signatures: { readonly [K in OpKind]: Signature } = {
  Input: leaf,
  Parameter: leaf,
  Constant: leaf,
  Iota: leaf,
  Neg: { counts: [1], dtypes: [number] },
  Abs: { counts: [1], dtypes: [number] },
  Sign: { counts: [1], dtypes: [number] },
  Exp: floatUnary,
  Log: floatUnary,
  Sqrt: floatUnary,
  Reciprocal: floatUnary,
  Tanh: floatUnary,
  Sigmoid: floatUnary,
  Erf: floatUnary,
  Relu: floatUnary,
  Softplus: floatUnary,
  Not: { counts: [1], dtypes: [bool] },
  Add: numberBinary,
  Sub: numberBinary,
  Mul: numberBinary,
  Div: numberBinary,
  Min: numberBinary,
  Max: numberBinary,
  And: logical,
  Or: logical,
  Less: numberBinary,
  LessOrEqual: numberBinary,
  Greater: numberBinary,
  GreaterOrEqual: numberBinary,
  Equal: numberBinary,
  ReduceSum: { counts: [1], dtypes: [number] },
  ReduceMean: floatUnary,
  ReduceMax: floatUnary,
  ReduceLogSumExp: floatUnary,
  Where: { counts: [3], dtypes: [bool, number] },
  Cast: { counts: [1], dtypes: [any] },
  MatMul: { counts: [2], dtypes: [float] },
  Gemm: { counts: [2, 3], dtypes: [float] },
  Transpose: { counts: [1], dtypes: [any] },
  Reshape: { counts: [1], dtypes: [any] },
  Expand: { counts: [1], dtypes: [any] },
  Concat: { counts: many, dtypes: [any] },
  Slice: { counts: [1], dtypes: [any] },
  Gather: { counts: [2], dtypes: [any, index] },
  GatherElements: { counts: [2], dtypes: [any, index] },
  ScatterAddElements: { counts: [3], dtypes: [float, index, float] },
  ScatterAddRows: { counts: [3], dtypes: [float, ["i64"], float] },
  TakeBlock: { counts: many, dtypes: [float, ["i64"]] },
  JoinBlocks: { counts: many.filter((count) => count % 2 === 0), dtypes: [float, ["f32", "i64"]] },
  Softmax: floatUnary,
  TopKIndices: floatUnary,
  NonZeroRows: { counts: [1], dtypes: [bool] },
  RmsNorm: { counts: [2], dtypes: [float] },
  LayerNorm: { counts: [2, 3], dtypes: [float] },
  Gelu: floatUnary,
  Silu: floatUnary,
  Rotary: { counts: [4], dtypes: [float, ["i64"], float] },
  Attention: { counts: [5, 6, 7, 8, 9, 10], dtypes: [float, float, float, ["i32"], ["i32"], ["f32", "i64"]] },
};
