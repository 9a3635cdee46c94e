import { expect, test } from "bun:test";
import { adamWDefaults } from "./adamw.ts";
import { Optimizer } from "./optimizer.ts";

/** Enough numbers for threads, of very different sizes. */
const sizes: Readonly<Record<string, number>> = { tokens: 4_500_000, up: 2_000_000, down: 2_000_000, norm: 7 };

const noise = Float32Array.from({ length: 5_000_000 }, (_, index) => ((index * 7919) % 2003) / 2003 - 0.5);

const tensors = (seed: number) =>
  new Map(
    Object.entries(sizes).map(([name, length], index) => [name, noise.slice(seed + index, seed + index + length)]),
  );

async function train(threads: number) {
  const optimizer = new Optimizer(tensors(1), threads);
  const norms: number[] = [];
  try {
    for (const step of [1, 2]) {
      norms.push(await optimizer.take(tensors(10 * step)));
      await optimizer.update({ ...adamWDefaults, step, learningRate: 1e-2, gradientScale: 0.7 });
    }
    return { ...optimizer.state, norms };
  } finally {
    await optimizer.close();
  }
}

test("several threads compute what one does, to the last bit", async () => {
  const one = await train(1);
  const squares = [...tensors(10).values()].map((each) => each.reduce((sum, number) => sum + number ** 2, 0));
  expect(one.norms[0]).toBeCloseTo(Math.sqrt(squares.reduce((sum, each) => sum + each, 0)), 6);
  expect(one.values.get("norm")).not.toEqual(tensors(1).get("norm")!);
  for (const threads of [2, 8]) {
    const { values, moments, norms } = await train(threads);
    expect(norms).toEqual(one.norms);
    for (const name of Object.keys(sizes)) {
      const [value, wanted] = [values.get(name)!, one.values.get(name)!];
      expect(Buffer.compare(Buffer.from(value.buffer), Buffer.from(wanted.buffer))).toBe(0);
      for (const part of ["first", "second"] as const) {
        const [moment, other] = [moments.get(name)![part], one.moments.get(name)![part]];
        expect(Buffer.compare(Buffer.from(moment.buffer), Buffer.from(other.buffer))).toBe(0);
      }
    }
  }
});

test("what was kept is taken up again", async () => {
  const kept = await train(2);
  const optimizer = new Optimizer(tensors(1), 2);
  optimizer.restore(kept);
  expect(optimizer.state.values.get("up")![5]).toBe(kept.values.get("up")![5]!);
  expect(optimizer.state.moments.get("norm")!.second).toEqual(kept.moments.get("norm")!.second);
  await optimizer.close();
});

test("a thread that fails fails the update", async () => {
  const optimizer = new Optimizer(tensors(1), 2);
  const gradients = tensors(2).set("up", new Float32Array(3));
  await optimizer.take(gradients);
  const update = { ...adamWDefaults, step: 1, learningRate: 1e-2, gradientScale: 1 };
  await expect(optimizer.update(update)).rejects.toThrow("AdamW step");
  await optimizer.close();
});
