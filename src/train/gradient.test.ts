/** Every rule of the gradient table against central finite differences, computed by onnxruntime in f32. */
import { describe, expect, test } from "bun:test";
import { createSession, type Tensor } from "../eval/session.ts";
import { differentiableComposites } from "../graph/composite-gradient.ts";
import { decompose } from "../graph/decompose.ts";
import {
  abs,
  add,
  cast,
  concat,
  constant,
  div,
  erf,
  exp,
  expand,
  gather,
  gatherElements,
  gelu,
  gemm,
  greater,
  input,
  joinBlocks,
  layerNorm,
  log,
  matmul,
  max,
  min,
  mul,
  neg,
  reciprocal,
  reduceLogSumExp,
  reduceMax,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  rmsNorm,
  rotary,
  scatterAddElements,
  scatterAddRows,
  sigmoid,
  sign,
  silu,
  slice,
  softmax,
  softplus,
  sqrt,
  sub,
  takeBlock,
  tanh,
  topKIndices,
  transpose,
  where,
} from "../graph/expression.ts";
import { differentiate } from "../graph/gradient.ts";
import { createGraph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import { encode } from "../graph/onnx.ts";
import type { CompositeKind } from "../graph/op.ts";
import { verify } from "../graph/verify.ts";

const a = input("a", "f32", [3, 4]);
const b = input("b", "f32", [4, 2]);
const c = input("c", "f32", [4]);
const cube = input("cube", "f32", [2, 3, 4]);
const all: readonly Node[] = [a, b, c, cube];
const rows = constant([2, 0, 2], [3], "i64");
const columns = constant([1, 0, 3, 3, 2, 2], [3, 2], "i64");
const blocks = [constant([0], [1], "i64"), constant([1, 2], [2], "i64")];
const positive = (x: Node) => add(mul(x, x), 0.5);

const angles = {
  positions: constant([0, 1, 2, 2, 0, 1], [2, 3], "i64"),
  cos: constant([...values(6, 1)].map(Math.cos), [3, 2]),
  sin: constant([...values(6, 1)].map(Math.sin), [3, 2]),
};

/** Each is a tensor made of the inputs; its weighted sum is differentiated with respect to every input. */
const cases: Readonly<Record<string, Node>> = {
  "Add, broadcast over rows": add(a, c),
  "Sub, broadcast": sub(c, a),
  "Mul, broadcast from the left": mul(c, cube),
  "Div, both sides": div(a, positive(c)),
  "Mul of a node with itself": mul(a, a),
  Min: min(a, c),
  Max: max(a, c),
  Neg: neg(a),
  Abs: abs(a),
  Exp: exp(a),
  Log: log(positive(a)),
  Sqrt: sqrt(positive(a)),
  Reciprocal: reciprocal(positive(a)),
  Tanh: tanh(a),
  Sigmoid: sigmoid(a),
  Erf: erf(a),
  Relu: relu(a),
  Softplus: softplus(a),
  ReduceSum: reduceSum(mul(cube, cube), [1]),
  "ReduceMean over two axes": reduceMean(mul(cube, cube), [0, 2]),
  ReduceMax: reduceMax(a, [1]),
  ReduceLogSumExp: reduceLogSumExp(a, [1]),
  Where: where(greater(a, 0.3), mul(a, c), c),
  "Cast to its own type and back": cast(cast(a, "f32"), "f32"),
  MatMul: matmul(a, b),
  "MatMul, broadcast": matmul(cube, b),
  "MatMul, batched": matmul(cube, transpose(mul(cube, 0.5), [0, 2, 1])),
  "MatMul, the right side repeated": matmul(cube, reshape(a, [1, 4, 3])),
  "MatMul, both sides repeated": matmul(reshape(cube, [2, 1, 3, 4]), reshape(mul(a, a), [1, 3, 4, 1])),
  Gemm: gemm(a, b),
  "Gemm, transB": gemm(a, transpose(b, [1, 0]), { transB: true }),
  "Gemm, transA": gemm(transpose(a, [1, 0]), b, { transA: true }),
  "Gemm, transA and transB": gemm(transpose(a, [1, 0]), transpose(b, [1, 0]), { transA: true, transB: true }),
  "Gemm with a bias": gemm(a, reshape(c, [4, 1]), { bias: slice(c, 0, 1, 2) }),
  Transpose: mul(transpose(cube, [2, 0, 1]), 2),
  Reshape: mul(reshape(cube, [6, 4]), c),
  Expand: mul(expand(c, [3, 4]), a),
  Concat: concat([a, mul(a, 2), reshape(c, [1, 4])], 0),
  Slice: slice(cube, 2, 1, 3),
  "Slice with a step": mul(slice(cube, 2, 1, 4, 2), 3),
  "Slice with a step that does not divide": slice(cube, 2, 0, 4, 3),
  "Slices of different places": concat([mul(slice(a, 1, 3, 4), 2), slice(a, 1, 0, 2), exp(slice(a, 1, 2, 3))], 1),
  "Slices that overlap": mul(slice(cube, 2, 0, 3), slice(cube, 2, 1, 4)),
  "Gather with a repeated row": gather(a, rows),
  GatherElements: gatherElements(a, columns, 1),
  ScatterAddElements: mul(scatterAddElements(a, columns, slice(a, 1, 0, 2), 1), c),
  ScatterAddRows: mul(scatterAddRows(a, rows, mul(a, a)), c),
  "TakeBlock, one of two": mul(takeBlock(cube, blocks, 1, 1), c),
  "TakeBlock, all of them apart": concat([exp(takeBlock(a, blocks, 0, 1)), mul(takeBlock(a, blocks, 0, 0), 2)], 0),
  "TakeBlock, one of them twice": add(mul(takeBlock(a, blocks, 0, 0), c), takeBlock(mul(a, a), blocks, 0, 0)),
  JoinBlocks: joinBlocks([slice(cube, 1, 1, 2), mul(slice(cube, 1, 0, 2), c)], blocks, 1, 3),
  Softmax: softmax(a),
  "Softmax along the first axis": softmax(a, 0),
  "Softmax before a product": matmul(softmax(a), reshape(cube, [2, 4, 3])),
  "Softmax before a product with what is repeated": matmul(softmax(cube), reshape(a, [1, 4, 3])),
  "TopKIndices choose, the gradient flows around them": gatherElements(a, topKIndices(a, 2), 1),
  RmsNorm: rmsNorm(a, c, 1e-3),
  LayerNorm: layerNorm(a, c, mul(c, c), 1e-3),
  "Gelu, both forms": add(gelu(a, true), gelu(a, false)),
  Silu: silu(a, 1.702),
  Rotary: rotary(cube, angles, { heads: 1, rotated: 4, interleaved: false }),
  "Rotary, interleaved": rotary(cube, angles, { heads: 1, rotated: 4, interleaved: true }),
};

function values(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, index) => 1.5 * Math.sin((index + 1) * 12.9898 + seed * 78.233));
}

describe("gradients equal finite differences", () => {
  const apart = Object.entries(cases).map(([name, node]) => ({ name, node, kept: [] as CompositeKind[] }));
  const whole = apart
    .filter(({ node }) => (differentiableComposites as readonly string[]).includes(node.op.kind))
    .map(({ name, node }) => ({ name: `${name} as a kernel`, node, kept: [...differentiableComposites] }));
  for (const { name, node, kept } of [...apart, ...whole]) {
    test(name, async () => {
      const size = node.shape.reduce((product: number, side) => product * (side as number), 1);
      const weighted = mul(node, constant([...values(size, 9)], node.shape as number[]));
      const axes = node.shape.map((_, axis) => axis);
      const { outputs } = decompose(createGraph({ loss: reduceSum(weighted, axes) }), { kept });
      const used = all.filter((leaf) => createGraph(outputs).inputs.includes(leaf as never));
      const gradients = differentiate(outputs.loss!, used);
      const graph = createGraph({
        loss: outputs.loss!,
        ...Object.fromEntries(used.map((leaf) => [`d ${nameOf(leaf)}`, gradients.get(leaf)!])),
      });
      expect(verify(graph)).toEqual([]);
      const session = await createSession(encode(graph, refuse), { widen: "load", threads: 1 });
      const feeds = Object.fromEntries(used.map((leaf, seed) => [nameOf(leaf), tensor(leaf, seed)]));
      const exact = await session.run(feeds);
      const lossAt = async () => (await session.run(feeds)).loss!.data[0] as number;
      for (const leaf of used) {
        const { data } = feeds[nameOf(leaf)] as Tensor & { data: Float32Array };
        for (let index = 0; index < data.length; index++) {
          const [kept, h] = [data[index]!, 2 ** -7];
          data[index] = kept + h;
          const above = await lossAt();
          data[index] = kept - h;
          const below = await lossAt();
          data[index] = kept;
          const numeric = (above - below) / (2 * h);
          const got = exact[`d ${nameOf(leaf)}`]!.data[index] as number;
          expect(Math.abs(got - numeric)).toBeLessThan(4e-3 * Math.max(1, Math.abs(numeric)));
        }
      }
      await session.close();
    });
  }

  test("an operation without a derivative is named", () => {
    expect(() => differentiate(reduceSum(sign(a), [0, 1]), [a])).toThrow("Sign has no derivative");
  });

  test("no gradient flows through a choice", () => {
    const chosen = reduceSum(cast(topKIndices(a, 1), "f32"), [0, 1]);
    expect(differentiate(chosen, [a]).get(a)!.inputs[0]!.op).toMatchObject({ kind: "Constant", values: [0] });
  });

  test("none flows through one target to the next", () => {
    const middle = mul(a, 2);
    const gradients = differentiate(reduceSum(add(middle, a), [0, 1]), [middle, a]);
    expect(gradients.get(a)).toBe(gradients.get(middle));
  });

  test("a target that the result does not depend on gets zeros", () => {
    const gradient = differentiate(reduceSum(a, [0, 1]), [c]).get(c)!;
    expect(gradient.shape).toEqual([4]);
    expect(gradient.inputs[0]!.op).toMatchObject({ kind: "Constant", values: [0] });
  });
});

function nameOf(leaf: Node): string {
  return leaf.op.kind === "Input" ? leaf.op.name : "";
}

function tensor(leaf: Node, seed: number): Tensor {
  const shape = leaf.shape as number[];
  const size = shape.reduce((product, side) => product * side, 1);
  return { dtype: "f32", shape, data: values(size, seed) };
}

function refuse(): never {
  throw new Error("no parameters here");
}
