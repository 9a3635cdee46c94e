/** What a step is made of does not change it: how its examples are spread over runs, or how the base is stored. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import { openModelFolder } from "../model/folder.ts";
import { readModel } from "../model/model.ts";
import { adamWDefaults } from "./adamw.ts";
import type { Method } from "./objective.ts";
import { saveModel } from "./save.ts";
import { startingValues } from "./start.ts";
import { Trainer } from "./trainer.ts";

const base = join(import.meta.dir, "../../test/fixtures/train-vectors/train/llama");
const dir = mkdtempSync(join(tmpdir(), "trainer-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** Of very different lengths, so that a mean of means would be far from the mean over tokens. */
const examples = [3, 12, 5, 9, 2].map((length, seed) => ({
  ids: Array.from({ length }, (_, at) => (7 * at + 11 * seed + 3) % 60),
  scoredFrom: 1,
}));

async function measure(path: string, method: Method, batchExamples: number) {
  const folder = await openModelFolder(path);
  if (isInvalid(folder)) throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  const size = { batch: batchExamples, tokens: 12 };
  const options = { ...adamWDefaults, method, batchExamples, size, gradientNormMax: 1, threads: 1 };
  const trainer = await Trainer.create(folder, model, options, (trainables) =>
    startingValues(folder, method, trainables, new Random(1)),
  );
  try {
    return await trainer.measure(examples);
  } finally {
    await trainer.close();
  }
}

test("a step of several runs is the step of one: every token counts alike", async () => {
  const once = await measure(base, { kind: "full" }, examples.length);
  for (const batchExamples of [1, 2]) {
    const { lossNatsMean, gradients, tokens } = await measure(base, { kind: "full" }, batchExamples);
    expect(tokens).toBe(26);
    expect(lossNatsMean).toBeCloseTo(once.lossNatsMean, 5);
    for (const [name, gradient] of once.gradients) {
      const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      const off = gradient.map((value, at) => Math.abs(value - gradients.get(name)![at]!) / largest);
      expect(Math.max(...off)).toBeLessThan(1e-4);
    }
  }
});

test("a base in bf16 is computed in f32: bit for bit as the same numbers stored in f32", async () => {
  const folder = await openModelFolder(base);
  if (isInvalid(folder)) throw new Error(folder.detail);
  const [narrow, wide] = [join(dir, "bf16"), join(dir, "f32")];
  const save = { method: { kind: "full" }, values: new Map<string, Float32Array>() } as const;
  await saveModel({ ...save, base: folder, out: narrow, dtype: "BF16" });
  const rounded = await openModelFolder(narrow);
  if (isInvalid(rounded)) throw new Error(rounded.detail);
  await saveModel({ ...save, base: rounded, out: wide, dtype: "F32" });
  const lora = { kind: "lora", rank: 2, alpha: 4, rankStabilised: false, dropout: 0, targets: "all-linear" } as const;
  for (const method of [{ kind: "full" }, lora] as const) {
    const [stored, widened] = [await measure(narrow, method, 2), await measure(wide, method, 2)];
    expect(stored.lossNatsMean).toBe(widened.lossNatsMean);
    expect(stored.gradients).toEqual(widened.gradients);
  }
});
