/** Layer by layer and in pieces, the gradients are those of the whole graph. */
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

/** A run so large is cut: the head's rows into eight chunks, the queries of a sequence into four blocks. */
const large = { batch: 4096, tokens: 512 };
const small = { batch: 1, tokens: 1 };

async function measure(method: Method, recompute: boolean, size = small) {
  const folder = await openModelFolder(path);
  if (isInvalid(folder)) throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  const options = { ...adamWDefaults, method, recompute, size, gradientNormMax: 1, batchExamples: 2, threads: 1 };
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

type Measured = Awaited<ReturnType<typeof measure>>;

function expectAlike(got: Measured, wanted: Measured): void {
  expect(got.lossNatsMean).toBeCloseTo(wanted.lossNatsMean, 6);
  expect([...got.gradients.keys()]).toEqual([...wanted.gradients.keys()]);
  for (const [tensor, gradient] of wanted.gradients) {
    const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeGreaterThan(0);
    const off = gradient.map((value, at) => Math.abs(value - got.gradients.get(tensor)![at]!));
    expect(Math.max(...off) / largest).toBeLessThan(1e-5);
  }
}

for (const [name, method] of Object.entries(methods))
  test(`${name}: the same loss and gradients by layers and in pieces as at once`, async () => {
    const whole = await measure(method, false);
    expectAlike(await measure(method, true), whole);
    expectAlike(await measure(method, false, large), whole);
    expectAlike(await measure(method, true, large), whole);
  });
