/**
 * Reverse-mode differentiation of a graph of primitives: a table of one rule an operation, and a walk that returns more
 * graph. Composites are rewritten first (decompose.ts), but for those of composite-gradient.ts. The formulas are the
 * textbook's; the tests hold them against finite differences and another autograd's numbers.
 */
import { assert } from "../base/assert.ts";
import { compositeRules, type DifferentiableComposite } from "./composite-gradient.ts";
import {
  add,
  cast,
  concat,
  constant,
  div,
  equal,
  exp,
  expand,
  gather,
  gatherElements,
  gemm,
  greater,
  greaterOrEqual,
  joinBlocks,
  lessOrEqual,
  matmul,
  mul,
  neg,
  reduceSum,
  reshape,
  scatterAddElements,
  scatterAddRows,
  sigmoid,
  sign,
  slice,
  sub,
  takeBlock,
  transpose,
  where,
} from "./expression.ts";
import { createGraph } from "./graph.ts";
import { createNode, type Node } from "./node.ts";
import type { ComparisonKind, Dim, Op, OpKind, Primitive, Shape } from "./op.ts";
import { productOf } from "./shape.ts";

/**
 * The gradients of a scalar f32 node with respect to some f32 nodes, as nodes of the same shapes.
 * A node that the scalar does not depend on gets zeros. Throws an assertion that names the first operation on the way
 * that has no derivative.
 */
export function differentiate(scalar: Node, targets: readonly Node[]): Map<Node, Node> {
  assert(
    scalar.shape.every((size) => size === 1),
    "only a single number can be differentiated",
  );
  return propagate(scalar, expand(constant(1), scalar.shape), targets);
}

/**
 * The same from a node of any shape whose own gradient is known, as that of a loss with respect to logits is. Where a
 * target depends on another, these are the partial derivatives: none goes through one target to the next.
 */
export function propagate(result: Node, gradient: Node, targets: readonly Node[]): Map<Node, Node> {
  const { nodes } = createGraph({ result });
  const ends = new Set(targets);
  const needed = dependents(nodes, ends);
  const gradients = new Map<Node, Node>([[result, gradient]]);
  for (const node of nodes.toReversed()) {
    const gradient = gradients.get(node);
    if (gradient === undefined || !needed.has(node) || ends.has(node)) continue;
    const parts = derive(node, gradient, (input) => needed.has(input));
    for (const [index, part] of parts.entries()) {
      const input = node.inputs[index];
      if (part === undefined || input === undefined || !needed.has(input)) continue;
      const known = gradients.get(input);
      // A gradient that is only passed on is read elsewhere too, and must not be computed again as part of a sum.
      gradients.set(input, known !== undefined && part === gradient ? add(known, part) : accumulate(known, part));
    }
  }
  return new Map(targets.map((target) => [target, gradients.get(target) ?? zeros(target.shape)]));
}

/**
 * The sum of a gradient's parts. A product adds itself to what is known, rows are added in place, and slices are put side
 * by side: a gradient of a large matrix is then not written once more for each of its uses.
 */
export function accumulate(known: Node | undefined, part: Node): Node {
  if (known === undefined) return part;
  const { op, inputs } = part;
  if (op.kind === "Gemm" && inputs.length === 2) return createNode(op, [...inputs, known]);
  if (op.kind === "ScatterAddRows" && isZeros(inputs[0]!)) return scatterAddRows(known, inputs[1]!, inputs[2]!);
  return fillBlocks(known, part) ?? fillSlices(known, part) ?? add(known, part);
}

/** Blocks of one tensor, each taken from the one that has it; undefined where both have one. */
function fillBlocks({ op, inputs }: Node, part: Node): Node | undefined {
  if (op.kind !== "JoinBlocks" || part.op.kind !== "JoinBlocks" || op.axis !== part.op.axis) return undefined;
  const [known, places] = halves(inputs);
  const [parts, others] = halves(part.inputs);
  if (!places.every((node, index) => node === others[index])) return undefined;
  if (!known.every((block, index) => isZeros(block) || isZeros(parts[index]!))) return undefined;
  const blocks = known.map((block, index) => (isZeros(block) ? parts[index]! : block));
  return joinBlocks(blocks, places, op.axis, op.size);
}

function halves(nodes: readonly Node[]): readonly [readonly Node[], readonly Node[]] {
  return [nodes.slice(0, nodes.length / 2), nodes.slice(nodes.length / 2)];
}

/** The known slices with one more where they have only zeros; undefined where both are not slices at their places. */
function fillSlices({ op, inputs, shape }: Node, part: Node): Node | undefined {
  if (op.kind !== "Concat" || part.op.kind !== "Concat" || op.axis !== part.op.axis) return undefined;
  const { axis } = op;
  const filled = part.inputs.filter((piece) => !isZeros(piece));
  const size = (piece: Node) => piece.shape[axis] as number;
  if (filled.length !== 1 || typeof shape[axis] !== "number") return undefined;
  const before = part.inputs.slice(0, part.inputs.indexOf(filled[0]!));
  const start = before.reduce((sum, piece) => sum + size(piece), 0);
  const end = start + size(filled[0]!);
  let from = 0;
  for (const [index, piece] of inputs.entries()) {
    const to = from + size(piece);
    if (from <= start && end <= to && isZeros(piece)) {
      const gap = (length: number) => (length > 0 ? [zeros(shape.with(axis, length))] : []);
      return concat(inputs.toSpliced(index, 1, ...gap(start - from), filled[0]!, ...gap(to - end)), axis);
    }
    from = to;
  }
  return undefined;
}

/**
 * The nodes whose value changes smoothly with a target: only through these does a gradient flow. What is decided by
 * comparing (which expert, which token) jumps, and is constant in between.
 */
function dependents(nodes: readonly Node[], targets: ReadonlySet<Node>): Set<Node> {
  const needed = new Set<Node>();
  for (const node of nodes)
    if (targets.has(node) || (node.dtype === "f32" && node.inputs.some((input) => needed.has(input)))) needed.add(node);
  return needed;
}

type Part = Node | undefined;
interface Context {
  readonly y: Node;
  readonly inputs: readonly Node[];
  readonly needs: (input: Node) => boolean;
}
/** The gradients of an operation's inputs, given that of its result. Undefined: no gradient flows to that input. */
type Rule<K extends OpKind> = (g: Node, op: Op & { readonly kind: K }, context: Context) => readonly Part[];
type AnyRule = (g: Node, op: unknown, context: Context) => readonly Part[];
type Differentiable = Exclude<Primitive["kind"], ComparisonKind> | DifferentiableComposite;

function derive(y: Node, gradient: Node, needs: (input: Node) => boolean): readonly Part[] {
  const rule = (rules as Partial<Record<OpKind, AnyRule | undefined>>)[y.op.kind];
  assert(rule !== undefined, `${y.op.kind} has no derivative`);
  return rule(gradient, y.op, { y, inputs: y.inputs, needs });
}

/** Elementwise: the gradient of an operand that was broadcast is summed over the axes that were. */
const elementwise =
  (rule: (g: Node, a: Node, b: Node, y: Node) => readonly [() => Node, () => Node]): AnyRule =>
  (g, _, { y, inputs, needs }) => {
    const parts = rule(g, inputs[0]!, inputs[1]!, y);
    return inputs.map((input, index) => (needs(input) ? sumTo(parts[index]!(), input.shape) : undefined));
  };

const unary =
  (rule: (g: Node, x: Node, y: Node) => Node): AnyRule =>
  (g, _, { y, inputs }) => [rule(g, inputs[0]!, y)];

const rules: { readonly [K in Differentiable]: Rule<K> | undefined } = {
  ...compositeRules,
  Neg: unary((g) => neg(g)),
  Abs: unary((g, x) => mul(g, sign(x))),
  Sign: undefined,
  Exp: unary((g, _, y) => mul(g, y)),
  Log: unary((g, x) => div(g, x)),
  Sqrt: unary((g, _, y) => div(mul(g, 0.5), y)),
  Reciprocal: unary((g, _, y) => neg(mul(g, mul(y, y)))),
  Tanh: unary((g, _, y) => mul(g, sub(1, mul(y, y)))),
  Sigmoid: unary((g, _, y) => mul(g, mul(y, sub(1, y)))),
  Erf: unary((g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Relu: unary((g, x) => where(greater(x, 0), g, 0)),
  Softplus: unary((g, x) => mul(g, sigmoid(x))),
  Not: undefined,
  And: undefined,
  Or: undefined,
  Add: elementwise((g) => [() => g, () => g]),
  Sub: elementwise((g) => [() => g, () => neg(g)]),
  Mul: elementwise((g, a, b) => [() => mul(g, b), () => mul(g, a)]),
  Div: elementwise((g, _, b, y) => [() => div(g, b), () => neg(div(mul(g, y), b))]),
  // Where both are equal the gradient goes to the first operand, once.
  Min: elementwise((g, a, b) => [() => where(lessOrEqual(a, b), g, 0), () => where(lessOrEqual(a, b), 0, g)]),
  Max: elementwise((g, a, b) => [() => where(greaterOrEqual(a, b), g, 0), () => where(greaterOrEqual(a, b), 0, g)]),
  ReduceSum: unary((g, x) => expand(g, x.shape)),
  ReduceMean: (g, { axes }, { inputs }) => {
    const count = axes.reduce((product, axis) => product * fixed(inputs[0]!.shape[axis]!, "ReduceMean"), 1);
    return [expand(mul(g, 1 / count), inputs[0]!.shape)];
  },
  ReduceMax: unary((g, x, y) => where(equal(x, y), g, 0)),
  ReduceLogSumExp: unary((g, x, y) => mul(g, exp(sub(x, y)))),
  Where: (g, _, { inputs: [condition, a, b], needs }) => [
    undefined,
    needs(a!) ? sumTo(where(condition!, g, 0), a!.shape) : undefined,
    needs(b!) ? sumTo(where(condition!, 0, g), b!.shape) : undefined,
  ],
  Cast: (g, _, { inputs: [x] }) => [cast(g, x!.dtype)],
  MatMul: (g, _, { inputs: [a, b], needs }) => [
    needs(a!) ? sumTo(matmul(g, swapLast(b!)), a!.shape) : undefined,
    needs(b!) ? gradientOfRight(g, a!, b!) : undefined,
  ],
  Gemm: (g, { transA, transB }, { inputs: [a, b, c], needs }) => [
    // For op(a) = a: da = g · op(b)ᵀ; for op(a) = aᵀ its transpose, op(b) · gᵀ. Likewise for b.
    needs(a!) ? (transA ? gemm(b!, g, { transA: transB, transB: true }) : gemm(g, b!, { transB: !transB })) : undefined,
    needs(b!) ? (transB ? gemm(g, a!, { transA: true, transB: transA }) : gemm(a!, g, { transA: !transA })) : undefined,
    c !== undefined && needs(c) ? sumTo(g, c.shape) : undefined,
  ],
  Transpose: (g, { permutation }) => [
    transpose(
      g,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  Reshape: unary((g, x) => reshape(g, x.shape)),
  Expand: unary((g, x) => sumTo(g, x.shape)),
  Concat: (g, { axis }, { inputs, needs }) => {
    let start = 0;
    return inputs.map((part) => {
      const end = start + fixed(part.shape[axis]!, "Concat");
      const own = needs(part) ? slice(g, axis, start, end) : undefined;
      start = end;
      return own;
    });
  },
  Slice: (g, { axis, start, step }, { inputs: [x], y }) => [unslice(g, { axis, start, step, whole: x!, part: y })],
  Gather: (g, { axis }, { inputs: [data, indices] }) => {
    assert(axis === 0, "Gather along another axis than the first has no derivative");
    const rows = indices!.shape.length === 1 ? indices! : reshape(indices!, [productOf(indices!.shape)]);
    const updates = reshape(g, [rows.shape[0]!, ...data!.shape.slice(1)]);
    return [scatterAddRows(zeros(data!.shape), rows, updates)];
  },
  GatherElements: (g, { axis }, { inputs: [data, indices] }) => [
    scatterAddElements(zeros(data!.shape), indices!, g, axis),
  ],
  ScatterAddElements: (g, { axis }, { inputs: [, indices, updates], needs }) => [
    g,
    undefined,
    needs(updates!) ? gatherElements(g, indices!, axis) : undefined,
  ],
  ScatterAddRows: (g, _, { inputs: [, rows, updates], needs }) => [
    g,
    undefined,
    needs(updates!) ? gather(g, rows!) : undefined,
  ],
  TakeBlock: (g, { axis, index }, { inputs: [x, ...places] }) => {
    const blocks = places.map(({ shape }, other) => (other === index ? g : zeros(x!.shape.with(axis, shape[0]!))));
    return [joinBlocks(blocks, places, axis, x!.shape[axis]!)];
  },
  JoinBlocks: (g, { axis }, { inputs, needs }) => {
    const [blocks, places] = halves(inputs);
    return blocks.map((block, index) => (needs(block) ? takeBlock(g, places, axis, index) : undefined));
  },
  Softmax: (g, { axis }, { y }) => [mul(y, sub(g, sumOfProducts(g, y, axis)))],
  TopKIndices: undefined,
  NonZeroRows: undefined,
};

function zeros(shape: Shape): Node {
  return expand(constant(0), shape);
}

function isZeros({ op, inputs }: Node): boolean {
  const [value] = inputs;
  return op.kind === "Expand" && value!.op.kind === "Constant" && value!.op.values.every((number) => number === 0);
}

/** Sums a gradient over the axes along which its operand had been broadcast. */
function sumTo(g: Node, shape: Shape): Node {
  const added = g.shape.length - shape.length;
  const axes = g.shape.flatMap((size, axis) => {
    const own = axis < added ? 1 : shape[axis - added];
    return own === 1 && size !== 1 ? [axis] : [];
  });
  const summed = axes.length === 0 ? g : reduceSum(g, axes);
  return added === 0 ? summed : reshape(summed, shape);
}

/**
 * aᵀ · g, summed where b was repeated. The repetitions along the last of the leading axes are rows of one product, of which
 * no sum is left.
 */
function gradientOfRight(g: Node, a: Node, b: Node): Node {
  const repeats = a.shape.length === b.shape.length && b.shape.at(-3) === 1 && a.shape.at(-3) !== 1;
  const rows = (x: Node) => reshape(x, [...x.shape.slice(0, -3), 1, productOf(x.shape.slice(-3, -1)), x.shape.at(-1)!]);
  const [left, gradient] = repeats ? [rows(a), rows(g)] : [a, g];
  return sumTo(matmul(swapLast(left), gradient), b.shape);
}

/**
 * Σ g∘y along an axis, which stays. Where g is u · bᵀ the sum along the last is that of u ∘ (y · b), which is narrower:
 * behind an attention's scores it is that of the output and its gradient (Dao et al. 2022, section 3.1).
 */
function sumOfProducts(g: Node, y: Node, axis: number): Node {
  const [u, turned] = g.op.kind === "MatMul" && axis === y.shape.length - 1 ? g.inputs : [];
  if (u === undefined || turned === undefined || !swapsLast(turned)) return reduceSum(mul(g, y), [axis]);
  // The attention has computed y · b already: of two nodes that are the same the runtime keeps one.
  return reduceSum(mul(u, matmul(y, turned.inputs[0]!)), [axis]);
}

function swapsLast({ op }: Node): boolean {
  if (op.kind !== "Transpose") return false;
  const last = op.permutation.length - 1;
  return op.permutation.every((axis, index) => axis === (index < last - 1 ? index : 2 * last - 1 - index));
}

function swapLast(x: Node): Node {
  const axes = x.shape.map((_, axis) => axis);
  const last = axes.length - 1;
  return transpose(x, [...axes.slice(0, -2), last, last - 1]);
}

/** The inverse of a slice: the part at its place, zeros elsewhere. */
function unslice(
  g: Node,
  { axis, start, step, whole, part }: { axis: number; start: number; step: number; whole: Node; part: Node },
): Node {
  const size = fixed(whole.shape[axis]!, "Slice");
  const count = fixed(part.shape[axis]!, "Slice");
  const spread = step === 1 ? g : interleaveZeros(g, axis, count, step);
  const used = Math.min(count * step, size - start);
  const trimmed = step === 1 || used === count * step ? spread : slice(spread, axis, 0, used);
  const parts = [
    ...(start > 0 ? [zeros(whole.shape.with(axis, start))] : []),
    trimmed,
    ...(start + used < size ? [zeros(whole.shape.with(axis, size - start - used))] : []),
  ];
  return parts.length === 1 ? trimmed : concat(parts, axis);
}

/** [… n …] → [… n · step …] with each element followed by step − 1 zeros. */
function interleaveZeros(g: Node, axis: number, count: number, step: number): Node {
  const before = g.shape.slice(0, axis);
  const after = g.shape.slice(axis + 1);
  const column = reshape(g, [...before, count, 1, ...after]);
  const filler = zeros([...before, count, step - 1, ...after]);
  return reshape(concat([column, filler], axis + 1), [...before, count * step, ...after]);
}

function fixed(size: Dim, kind: string): number {
  assert(typeof size === "number", `${kind} along an axis of unknown size (${size}) has no derivative`);
  return size;
}
