/** Layer by layer, the gradients are those of the whole graph. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import { openModelFolder } from "../model/folder.ts";
import { readModel } from "../model/model.ts";
import { adamWDefaults } from "./adamw.ts";
import { loraDefaults } from "./lora.ts";
import type { Method } from "./objective.ts";
import { startingValues } from "./start.ts";
import { Trainer } from "./trainer.ts";

const path = join(import.meta.dir, "../../test/fixtures/train-vectors/train/llama");
const lora = { kind: "lora", rank: 2, ...loraDefaults } as const;
const methods: Readonly<Record<string, Method>> = {
  "all parameters": { kind: "full" },
  adapters: lora,
  "adapters with dropout": { ...lora, dropout: 0.3 },
  "adapters of one kind of linear": { ...lora, targets: ["down_proj"] },
};

async function measure(method: Method, recompute: boolean) {
  const folder = await openModelFolder(path);
  if (isInvalid(folder)) throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  const options = { ...adamWDefaults, method, recompute, gradientNormMax: 1, batchExamples: 2, threads: 1 };
  const trainer = await Trainer.create(folder, model, options, async (trainables) => {
    const values = await startingValues(folder, method, trainables, new Random(1));
    // B is zero at the start, which would leave A without a gradient.
    if (method.kind === "lora")
      for (const [index, value] of [...values.values()].entries())
        if (index % 2 === 1) for (let at = 0; at < value.length; at++) value[at] = Math.sin(at + index) / 10;
    return values;
  });
  const ids = (count: number) => Array.from({ length: count }, (_, at) => (7 * at + 3) % model.vocabulary);
  const examples = [ids(9), ids(5), ids(12)].map((each) => ({ ids: each, scoredFrom: 2 }));
  const first = await trainer.measure(examples);
  // Twice, since what is kept between the segments must not outlive a run.
  expect(await trainer.measure(examples)).toEqual(first);
  await trainer.close();
  return first;
}

for (const [name, method] of Object.entries(methods))
  test(`${name}: the same loss and gradients by layers as at once`, async () => {
    const [whole, layered] = [await measure(method, false), await measure(method, true)];
    expect(layered.lossNatsMean).toBeCloseTo(whole.lossNatsMean, 6);
    expect([...layered.gradients.keys()]).toEqual([...whole.gradients.keys()]);
    for (const [tensor, gradient] of whole.gradients) {
      const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeGreaterThan(0);
      const off = gradient.map((value, at) => Math.abs(value - layered.gradients.get(tensor)![at]!));
      expect(Math.max(...off) / largest).toBeLessThan(1e-5);
    }
  });
