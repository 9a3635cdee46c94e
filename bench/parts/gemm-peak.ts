/**
 * The most that onnxruntime's own f32 matrix kernel does on this machine at this minute: what scoring is measured
 * against. The weight is constant (so it is laid out for the kernel beforehand) and the product is reduced at once, so
 * that no result has to be copied out.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSession, locationOf, type Tensor } from "../../src/eval/session.ts";
import { input, matmul, parameter, reduceMax } from "../../src/graph/expression.ts";
import { createGraph } from "../../src/graph/graph.ts";
import { encode } from "../../src/graph/onnx.ts";

const rows = 1024;
const size = 2048;

export interface GemmPeak extends AsyncDisposable {
  /** One product [1024, 2048] × [2048, 2048], in FLOP a second. Its best of several is the peak. */
  readonly measure: () => Promise<number>;
}

export async function openGemmPeak(threads?: number): Promise<GemmPeak> {
  const folder = mkdtempSync(join(tmpdir(), "bench-gemm-"));
  const file = join(folder, "weight");
  writeFileSync(file, noise(size * size));
  const product = matmul(input("x", "f32", [rows, size]), parameter("weight", "f32", [size, size]));
  const graph = createGraph({ max: reduceMax(product, [0, 1]) });
  const model = encode(graph, () => ({ location: locationOf(file), offset: 0, length: 4 * size * size }));
  const session = await createSession(model, { widen: "load", ...(threads === undefined ? {} : { threads }) });
  const x: Tensor = { dtype: "f32", shape: [rows, size], data: noise(rows * size) };
  await session.run({ x });
  return {
    async measure() {
      const start = performance.now();
      await session.run({ x });
      return (2 * rows * size * size) / ((performance.now() - start) / 1000);
    },
    async [Symbol.asyncDispose]() {
      await session.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function noise(length: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => Math.sin(index * 12.9898));
}
