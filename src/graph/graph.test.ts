import { describe, expect, test } from "bun:test";
import { onnx } from "onnx-proto";
import { add, cast, constant, gemm, input, iota, mul, parameter, reshape, rmsNorm, slice } from "./expression.ts";
import { createGraph, map } from "./graph.ts";
import type { Node } from "./node.ts";
import { encode } from "./onnx.ts";
import { part } from "./part.ts";
import { verify } from "./verify.ts";

describe("shapes", () => {
  const x = input("x", "f32", ["rows", 8]);

  test("are inferred, symbols included", () => {
    expect(gemm(x, parameter("w", "f32", [3, 8]), { transB: true }).shape).toEqual(["rows", 3]);
    expect(add(x, 1).shape).toEqual(["rows", 8]);
    expect(slice(x, 1, 1, 8, 2).shape).toEqual(["rows", 4]);
  });

  test.each<[string, () => Node]>([
    ["Add(f32[rows, 8], f32[7])", () => add(x, constant([1, 2, 3, 4, 5, 6, 7]))],
    ["Add(f32[rows, 8], f32[tokens, 8])", () => add(x, input("y", "f32", ["tokens", 8]))],
    ["Gemm(f32[rows, 8], f32[8, 3])", () => gemm(x, parameter("w", "f32", [8, 3]), { transB: true })],
    ["RmsNorm(f32[rows, 8], f32[4])", () => rmsNorm(x, constant([1, 1, 1, 1]), 1e-5)],
    ["Slice(f32[rows, 8])", () => slice(x, 1, 0, 9)],
    ["Reshape(f32[4])", () => reshape(constant([1, 2, 3, 4]), [3])],
    ["Mul(f32[rows, 8], i64[tokens])", () => mul(x, iota("tokens"))],
  ])("that do not fit are refused by the operation's name: %s", (name, build) => {
    expect(build).toThrow(name);
  });
});

describe("verify", () => {
  test("is content with a good graph", () => {
    const w = cast(parameter("w", "bf16", [3, 8]), "f32");
    const graph = createGraph({ y: gemm(input("x", "f32", ["rows", 8]), w, { transB: true }) });
    expect(verify(graph)).toEqual([]);
  });

  test.each<[string, () => Node]>([
    ["input 1 is bf16", () => gemm(input("x", "f32", ["rows", 8]), parameter("w", "bf16", [8, 3]))],
    ["the name x is taken", () => add(input("x", "f32", [2]), input("x", "f32", [2]))],
    ["no input has the size elsewhere", () => cast(iota("elsewhere"), "f32")],
    ["a value is not finite", () => add(input("x", "f32", [1]), constant(Number.NaN))],
  ])("names the node: %s", (problem, build) => {
    const problems = verify(createGraph({ y: build() }));
    expect(problems.join()).toContain(problem);
  });
});

test("a deep graph needs no deep stack, and map replaces nodes under all that read them", () => {
  const x = input("x", "f32", [1]);
  let y = x;
  for (let depth = 0; depth < 50_000; depth++) y = add(y, x);
  const graph = createGraph({ y });
  expect(graph.nodes.length).toBe(50_001);
  const replaced = map(graph, (node) => (node === x ? input("z", "f32", [1]) : undefined));
  expect(replaced.inputs.map(({ op }) => op.name)).toEqual(["z"]);
  expect(replaced.nodes.length).toBe(50_001);
});

test("an encoded graph reads back, its parameters pointing into a file", () => {
  const w = cast(parameter("w", "bf16", [3, 8]), "f32");
  const graph = createGraph({ y: gemm(input("x", "f32", ["rows", 8]), w, { transB: true }) });
  const model = onnx.ModelProto.decode(encode(graph, () => ({ location: "a/b.safetensors", offset: 12, length: 48 })));
  expect(model.graph?.input?.map(({ name }) => name)).toEqual(["x"]);
  expect(model.graph?.output?.map(({ name }) => name)).toEqual(["y"]);
  expect(model.graph?.node?.map(({ opType }) => opType)).toEqual(["Cast", "Gemm", "Identity"]);
  const [tensor] = model.graph?.initializer ?? [];
  expect(tensor?.dataType).toBe(onnx.TensorProto.DataType.BFLOAT16);
  expect(tensor?.dims?.map(Number)).toEqual([3, 8]);
  expect(tensor?.dataLocation).toBe(onnx.TensorProto.DataLocation.EXTERNAL);
  expect(Object.fromEntries((tensor?.externalData ?? []).map(({ key, value }) => [key, value]))).toEqual({
    location: "a/b.safetensors",
    offset: "12",
    length: "48",
  });
});

describe("part", () => {
  const x = input("x", "f32", ["rows", 8]);
  const w = cast(parameter("w", "bf16", [10, 8]), "f32");
  const b = cast(parameter("b", "bf16", [10]), "f32");

  test("of a product reads only those rows of the stored matrix, where they lie in the file", () => {
    const columns = part(mul(gemm(x, w, { transB: true, bias: b }), 2), 1, 4, 7);
    expect(columns.shape).toEqual(["rows", 3]);
    const bytes = encode(createGraph({ columns }), (name) => ({
      location: name,
      offset: 100,
      length: name === "w" ? 160 : 20,
    }));
    const { initializer } = onnx.ModelProto.decode(bytes).graph!;
    const external = initializer!.filter(({ externalData }) => externalData!.length > 0);
    expect(
      external.map(({ name, dims, externalData }) => [
        name,
        dims!.map(Number),
        externalData!.map(({ value }) => value),
      ]),
    ).toEqual([
      ["w[4:7]", [3, 8], ["w", "164", "48"]],
      ["b[4:7]", [3], ["b", "108", "6"]],
    ]);
  });

  test("of what is no product or elementwise is a slice, and all of it is itself", () => {
    const norm = rmsNorm(x, constant(new Array(8).fill(1)), 1e-5);
    expect(part(norm, 1, 0, 8)).toBe(norm);
    expect(part(norm, 1, 2, 4)).toMatchObject({ op: { kind: "Slice", axis: 1, start: 2, end: 4 }, shape: ["rows", 2] });
  });
});
