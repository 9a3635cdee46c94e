/** What a session gives does not depend on how it is made; what cannot be made is a failure that says why. */
import { expect, test } from "bun:test";
import { FailureError } from "../base/errors.ts";
import { input, mul, slice, tanh } from "../graph/expression.ts";
import { createGraph } from "../graph/graph.ts";
import { encode } from "../graph/onnx.ts";
import { mixture, routeByChosen } from "../model/experts.ts";
import { createSession, type Tensor } from "./session.ts";

const noParameters = () => {
  throw new Error("assertion failed: the graph has parameters");
};

test("a mixture of experts is the same with and without a plan of its memory", async () => {
  const x = input("x", "f32", ["rows", 8]);
  // A row is routed by its first four numbers.
  const mixed = mixture(x, routeByChosen(slice(x, 1, 0, 4), 2), 4, "layer", (rows, index) =>
    tanh(mul(rows, index + 1)),
  );
  const model = encode(createGraph({ mixed }), noParameters);
  const data = Float32Array.from({ length: 40 }, (_, index) => Math.sin(index * 12.9898));
  const feeds: Record<string, Tensor> = { x: { dtype: "f32", shape: [5, 8], data } };
  const results: Tensor[] = [];
  for (const planReuse of [true, false]) {
    const session = await createSession(model, { widen: "load", threads: 1, planReuse });
    results.push((await session.run(feeds)).mixed!);
    await session.close();
  }
  expect(results[1]).toEqual(results[0]!);
  expect(results[0]!.data.some((value) => value !== 0)).toBe(true);
});

test("what is no model is refused in a sentence", async () => {
  await expect(createSession(Uint8Array.of(1, 2, 3), { widen: "run" })).rejects.toBeInstanceOf(FailureError);
});
