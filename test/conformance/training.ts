/**
 * golden/models once more, as training sees them: every architecture's training graph gives the golden losses, and the
 * same gradients whether its sequences have a row each or share one.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isInvalid } from "../../src/base/invalid.ts";
import { openModelFolder } from "../../src/model/folder.ts";
import { readModel } from "../../src/model/model.ts";
import { adamWDefaults } from "../../src/train/adamw.ts";
import type { Example } from "../../src/train/batch.ts";
import { startingValues } from "../../src/train/start.ts";
import { type Measurement, Trainer } from "../../src/train/trainer.ts";
import type { FamilyResult } from "./models.ts";

/** Losses in nats, as the validators' engine is held to. */
const lossTolerance = 1e-4;
/** Likewise golden/train: relative to the largest of a tensor, or to `largestMin` where only rounding keeps it from zero. */
const gradientTolerance = 1e-4;
const largestMin = 1e-3;

interface Golden {
  readonly sequences: readonly (readonly number[])[];
  readonly results: readonly { readonly nll: readonly number[] }[];
}

/** `worst`: the largest difference of a mean loss from the golden one, in nats. */
export async function checkTraining(golden: string): Promise<FamilyResult> {
  const names = readdirSync(join(golden, "models")).sort();
  const problems: string[] = [];
  let worst = 0;
  for (const name of names) {
    const result = await checkModel(join(golden, "models", name));
    worst = Math.max(worst, result.worst);
    problems.push(...result.problems.map((problem) => `${name}: ${problem}`));
  }
  return { family: "training", cases: names.length, worst, problems };
}

async function checkModel(path: string): Promise<{ worst: number; problems: string[] }> {
  const { sequences, results } = JSON.parse(readFileSync(join(path, "golden.json"), "utf8")) as Golden;
  const examples = sequences.map((ids) => ({ ids, scoredFrom: 0 }));
  const nll = results.flatMap((result) => result.nll);
  const wanted = nll.reduce((sum, one) => sum + one, 0) / nll.length;
  const problems: string[] = [];
  // One run a sequence, since some rotary frequencies are those of the longest of a run.
  const alone = await measure(path, examples, { batchExamples: 1 });
  const worst = Math.abs(alone.lossNatsMean - wanted);
  if (!(worst <= lossTolerance)) problems.push(`loss ${alone.lossNatsMean} instead of ${wanted}`);
  // With their beginnings there are short ones that go behind longer ones.
  const beginnings = examples.map(({ ids, scoredFrom }) => ({ ids: ids.slice(0, ids.length / 3), scoredFrom }));
  const many = [...examples, ...beginnings].filter(({ ids }) => ids.length > 1);
  const [apart, packed] = [
    await measure(path, many, { batchExamples: many.length }),
    await measure(path, many, { batchExamples: many.length, rowTokensMax: 1 << 12 }),
  ];
  if (packed.rows >= apart.rows) problems.push(`${many.length} sequences are in ${packed.rows} rows`);
  if (!(Math.abs(packed.lossNatsMean - apart.lossNatsMean) <= gradientTolerance))
    problems.push(`loss ${packed.lossNatsMean} in ${packed.rows} rows, ${apart.lossNatsMean} in ${apart.rows}`);
  for (const [tensor, gradient] of apart.gradients) {
    const off = differenceOf(gradient, packed.gradients.get(tensor)!);
    if (!(off <= gradientTolerance)) problems.push(`the gradient of ${tensor} packed is ${off.toExponential(1)} off`);
  }
  return { worst, problems };
}

async function measure(
  path: string,
  examples: readonly Example[],
  rows: { readonly batchExamples: number; readonly rowTokensMax?: number },
): Promise<Measurement> {
  const folder = await openModelFolder(path);
  if (isInvalid(folder)) throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  const method = { kind: "full" } as const;
  // Packed rows also as a long run has them, cut into pieces.
  const size = { batch: rows.batchExamples, tokens: rows.rowTokensMax === undefined ? 1 : 512 };
  const options = { ...adamWDefaults, ...rows, method, size, gradientNormMax: 1 };
  const trainer = await Trainer.create(folder, model, options, (trainables) =>
    startingValues(folder, method, trainables, undefined as never),
  );
  try {
    return await trainer.measure(examples);
  } finally {
    await trainer.close();
  }
}

function differenceOf(wanted: Float32Array, actual: Float32Array): number {
  let [largest, off] = [largestMin, 0];
  for (const [index, value] of wanted.entries()) {
    largest = Math.max(largest, Math.abs(value));
    off = Math.max(off, Math.abs(value - actual[index]!));
  }
  return off / largest;
}
