/** onnxruntime's kernels against the same formulas in primitives: every composite, encoded as it is and decomposed. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createSession, type Tensor, type Tensors } from "../eval/session.ts";
import { decompose } from "./decompose.ts";
import {
  add,
  attention,
  constant,
  gelu,
  gemm,
  input,
  layerNorm,
  mul,
  rmsNorm,
  rotary,
  silu,
  transpose,
} from "./expression.ts";
import { createGraph, type Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import { encode } from "./onnx.ts";
import { verify } from "./verify.ts";

const nowhere = () => {
  throw new Error("no parameters here");
};

async function evaluate(graph: Graph, feeds: Tensors): Promise<Float32Array> {
  expect(verify(graph)).toEqual([]);
  const session = await createSession(encode(graph, nowhere), { widen: "run", threads: 1 });
  const { y } = await session.run(feeds);
  await session.close();
  return y!.data as Float32Array;
}

async function expectSame(y: Node, feeds: Tensors): Promise<void> {
  const graph = createGraph({ y });
  const kernel = await evaluate(graph, feeds);
  const plain = await evaluate(decompose(graph), feeds);
  expect(plain.length).toBe(kernel.length);
  const worst = kernel.reduce((most, value, index) => Math.max(most, Math.abs(value - plain[index]!)), 0);
  expect(worst).toBeLessThan(1e-5);
}

/** Numbers between −2 and 2 that look random and are the same every time. */
function numbers(shape: readonly number[], seed: number): Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const data = Float32Array.from({ length: size }, (_, index) => 2 * Math.sin((index + 1) * 12.9898 + seed * 78.233));
  return { dtype: "f32", shape, data };
}

describe("composites equal their decomposition", () => {
  const x = input("x", "f32", ["rows", 24]);
  const weight = constant([...numbers([24], 3).data].map(Number));
  const feeds = { x: numbers([5, 24], 1) };

  test("norms", async () => {
    await expectSame(rmsNorm(x, weight, 1e-5), feeds);
    await expectSame(layerNorm(x, weight, undefined, 1e-5), feeds);
    await expectSame(layerNorm(x, weight, weight, 1e-3), feeds);
  });

  test("activations", async () => {
    await expectSame(gelu(x, false), feeds);
    await expectSame(gelu(x, true), feeds);
    await expectSame(silu(x), feeds);
    await expectSame(silu(x, 1.702), feeds);
  });

  test("rotary embedding of any size, both layouts, at any positions", async () => {
    const cases = fc.record({
      heads: fc.integer({ min: 1, max: 4 }),
      half: fc.integer({ min: 1, max: 12 }),
      rest: fc.integer({ min: 0, max: 9 }),
      interleaved: fc.boolean(),
      batches: fc.array(fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 4, maxLength: 4 }), {
        minLength: 1,
        maxLength: 2,
      }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ heads, half, rest, interleaved, batches }) => {
        const size = 2 * half + rest;
        const node = rotary(
          input("x", "f32", ["batch", "tokens", heads * size]),
          {
            positions: input("positions", "i64", ["batch", "tokens"]),
            cos: input("cos", "f32", ["rows", half]),
            sin: input("sin", "f32", ["rows", half]),
          },
          { heads, rotated: 2 * half, interleaved },
        );
        await expectSame(node, {
          x: numbers([batches.length, 4, heads * size], 1),
          positions: { dtype: "i64", shape: [batches.length, 4], data: BigInt64Array.from(batches.flat(), BigInt) },
          cos: numbers([9, half], 2),
          sin: numbers([9, half], 3),
        });
      }),
      { numRuns: 30 },
    );
  });

  test("attention of any size: groups, window, cap, bias, sinks", async () => {
    const cases = fc.record({
      kvHeads: fc.integer({ min: 1, max: 3 }),
      group: fc.integer({ min: 1, max: 3 }),
      headSize: fc.integer({ min: 1, max: 40 }),
      window: fc.integer({ min: 0, max: 5 }),
      softcap: fc.constantFrom(0, 0, 2.5),
      bias: fc.boolean(),
      sinks: fc.boolean(),
      batch: fc.integer({ min: 1, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ kvHeads, group, headSize, window, softcap, bias, sinks, batch }) => {
        const heads = kvHeads * group;
        const tokens = 7;
        const node = attention(
          {
            query: input("q", "f32", ["batch", "tokens", heads * headSize]),
            key: input("k", "f32", ["batch", "tokens", kvHeads * headSize]),
            value: input("v", "f32", ["batch", "tokens", kvHeads * headSize]),
            lengths: input("lengths", "i32", ["batch"]),
            total: input("total", "i32", []),
            bias: bias ? input("bias", "f32", [1, heads, "tokens", "tokens"]) : undefined,
            sinks: sinks ? input("sinks", "f32", [heads]) : undefined,
          },
          { heads, kvHeads, headSize, scale: 0.3, softcap, window },
        );
        // A constant beside it: the decomposed graph must not need the lengths.
        await expectSame(add(mul(node, 1), 0), {
          q: numbers([batch, tokens, heads * headSize], 1),
          k: numbers([batch, tokens, kvHeads * headSize], 2),
          v: numbers([batch, tokens, kvHeads * headSize], 3),
          lengths: { dtype: "i32", shape: [batch], data: new Int32Array(batch).fill(tokens - 1) },
          total: { dtype: "i32", shape: [], data: Int32Array.of(tokens) },
          bias: numbers([1, heads, tokens, tokens], 4),
          sinks: numbers([heads], 5),
        });
      }),
      { numRuns: 60 },
    );
  });
});

test("a product by columns that is written in strips is the product", async () => {
  const [rows, wide, narrow] = [3, 5 * 1024, 4];
  const [a, b] = [input("a", "f32", [rows, wide]), input("b", "f32", [rows, narrow])];
  const feeds = { a: numbers([rows, wide], 1), b: numbers([rows, narrow], 2), c: numbers([wide, narrow], 3) };
  for (const bias of [undefined, input("c", "f32", [wide, narrow]), constant([1, 2, 3, 4], [1, 4])]) {
    const options = bias === undefined ? {} : { bias };
    const y = await evaluate(createGraph({ y: gemm(a, b, { transA: true, ...options }) }), feeds);
    const plain = await evaluate(createGraph({ y: gemm(transpose(a, [1, 0]), b, options) }), feeds);
    expect(y).toEqual(plain);
  }
});
