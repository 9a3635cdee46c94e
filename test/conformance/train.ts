/**
 * golden/train: losses, every gradient, three steps of AdamW on all parameters, five on adapters as PEFT wrote them, and
 * the losses of the merged model as the validators' engine finds them. All of it as one graph and again layer by layer.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Invalid, isInvalid } from "../../src/base/invalid.ts";
import { openEngine } from "../../src/eval/engine.ts";
import { type ModelFolder, openModelFolder } from "../../src/model/folder.ts";
import { readModel } from "../../src/model/model.ts";
import { readAdapter } from "../../src/train/adapter.ts";
import type { Example } from "../../src/train/batch.ts";
import type { Method } from "../../src/train/objective.ts";
import { saveModel } from "../../src/train/save.ts";
import { startingValues } from "../../src/train/start.ts";
import { Trainer } from "../../src/train/trainer.ts";

/** Losses absolutely, in nats; gradients relative to the largest of their tensor. Of the golden README. */
const tolerance = 1e-4;
/** What only rounding keeps from zero (a row of lm_head sums to it) is compared on this scale. */
const largestMin = 1e-3;

interface Golden {
  readonly batch: {
    readonly input_ids: readonly (readonly number[])[];
    readonly attention_mask: readonly (readonly number[])[];
    readonly labels: readonly (readonly number[])[];
  };
  readonly loss: number;
  readonly gradients: Readonly<Record<string, Summary>>;
  readonly full: Run;
  readonly lora: Run & { readonly loss: number; readonly targets: readonly string[] };
  readonly lora_gradients: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly merged_nll: readonly (readonly number[])[];
}

interface Summary {
  readonly sum: number;
  readonly sum_sq: number;
  readonly first: readonly number[];
  readonly largest: readonly [number, number];
}

interface Run {
  readonly optimiser: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly clip: number;
  };
  readonly losses: readonly number[];
  readonly gradient_norms: readonly number[];
}

/** Collects how far off the worst number is, and a sentence for each that is further than the tolerance. */
class Differences {
  worst = 0;
  readonly problems: string[] = [];

  constructor(private readonly name: string) {}

  compare(what: string, actual: number, wanted: number, scale = 1): void {
    const off = Math.abs(actual - wanted) / scale;
    this.worst = Math.max(this.worst, off);
    if (!(off <= tolerance)) this.fail(`${what}: ${actual} instead of ${wanted}`);
  }

  fail(sentence: string): void {
    this.problems.push(`${this.name}: ${sentence}`);
  }
}

/** @param golden the folder that holds `train`. `worst`: a loss in nats, or a gradient relative to its tensor's largest. */
export async function checkTrain(golden: string) {
  const folder = join(golden, "train");
  const names = readdirSync(folder).sort();
  const problems: string[] = [];
  let worst = 0;
  for (const name of names) {
    for (const recompute of [false, true]) {
      const differences = new Differences(recompute ? `${name}, by layers` : name);
      const failure = await checkModel(join(folder, name), recompute, differences);
      if (failure !== undefined) differences.fail(failure.detail);
      worst = Math.max(worst, differences.worst);
      problems.push(...differences.problems);
    }
  }
  return { family: "train", cases: names.length, worst, problems };
}

async function checkModel(path: string, recompute: boolean, differences: Differences): Promise<Invalid | undefined> {
  const golden = JSON.parse(readFileSync(join(path, "golden.json"), "utf8")) as Golden;
  const folder = await openModelFolder(path);
  if (isInvalid(folder)) return folder;
  const examples = examplesOf(golden);
  await withTrainer(folder, { kind: "full" }, golden.full, { recompute }, async (trainer) => {
    const { lossNatsMean, gradients } = await trainer.measure(examples);
    differences.compare("loss", lossNatsMean, golden.loss);
    for (const [name, summary] of Object.entries(golden.gradients))
      compareSummary(differences, name, gradients.get(name), summary);
    await checkSteps(differences, "full", trainer, examples, golden.full);
  });
  const adapter = await readAdapter(join(path, "lora"));
  if (isInvalid(adapter)) return adapter;
  const method = { kind: "lora", ...adapter.options } as const;
  const values = new Map(adapter.values);
  await withTrainer(folder, method, golden.lora, { values, recompute }, async (trainer) => {
    const { lossNatsMean, gradients } = await trainer.measure(examples);
    differences.compare("loss with adapters", lossNatsMean, golden.lora.loss);
    for (const [name, rows] of Object.entries(golden.lora_gradients)) {
      const wanted = rows.flat();
      const scale = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), largestMin);
      const gradient = gradients.get(name);
      if (gradient?.length !== wanted.length) differences.fail(`no gradient of ${name}`);
      else for (const [index, value] of wanted.entries()) differences.compare(name, gradient[index]!, value, scale);
    }
    await checkSteps(differences, "adapters", trainer, examples, golden.lora);
    await checkMerged(differences, folder, method, trainer, golden);
  });
  return undefined;
}

async function withTrainer(
  folder: ModelFolder,
  method: Method,
  { optimiser: { lr: _, betas, eps, weight_decay: weightDecay, clip } }: Run,
  options: { values?: Map<string, Float32Array>; recompute: boolean },
  use: (trainer: Trainer) => Promise<void>,
): Promise<void> {
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  const trainer = await Trainer.create(
    folder,
    model,
    {
      method,
      weightDecay,
      beta1: betas[0],
      beta2: betas[1],
      epsilon: eps,
      gradientNormMax: clip,
      batchExamples: 2,
      // As a run of this length is: in blocks of queries.
      size: { batch: 2, tokens: 512 },
      threads: 1,
      recompute: options.recompute,
    },
    (trainables) =>
      options.values === undefined
        ? startingValues(folder, method, trainables, undefined as never)
        : Promise.resolve(options.values),
  );
  try {
    await use(trainer);
  } finally {
    await trainer.close();
  }
}

async function checkSteps(
  differences: Differences,
  what: string,
  trainer: Trainer,
  examples: readonly Example[],
  { optimiser, losses, gradient_norms }: Run,
): Promise<void> {
  for (const [index, norm] of gradient_norms.entries()) {
    const result = await trainer.step(examples, optimiser.lr);
    differences.compare(`${what}, loss before step ${index + 1}`, result.lossNatsMean, losses[index]!);
    differences.compare(`${what}, norm at step ${index + 1}`, result.gradientNorm, norm, norm);
  }
  const { lossNatsMean } = await trainer.measure(examples);
  differences.compare(`${what}, loss after the last step`, lossNatsMean, losses.at(-1)!);
}

async function checkMerged(
  differences: Differences,
  base: ModelFolder,
  method: Method,
  trainer: Trainer,
  golden: Golden,
): Promise<void> {
  const out = mkdtempSync(join(tmpdir(), "conformance-train-"));
  try {
    await saveModel({ base, method, values: trainer.state.values, out, dtype: null });
    const engine = await openEngine(out, { threads: 1 });
    if (isInvalid(engine)) return differences.fail(engine.detail);
    const rows = examplesOf(golden).map(({ ids }) => ({ kind: "loss", ids, scoredFrom: 0 }) as const);
    for (const [row, outcome] of (await engine.score(rows)).entries()) {
      const wanted = golden.merged_nll[row]!;
      if (outcome.kind === "failed" || outcome.nll.length !== wanted.length) differences.fail(`merged row ${row}`);
      else for (const [token, nll] of wanted.entries()) differences.compare("merged", outcome.nll[token]!, nll);
    }
    await engine.close();
  } finally {
    rmSync(out, { recursive: true });
  }
}

function compareSummary(
  differences: Differences,
  name: string,
  gradient: Float32Array | undefined,
  { sum, sum_sq, first, largest: [place, largest] }: Summary,
): void {
  if (gradient === undefined) {
    differences.fail(`no gradient of ${name}`);
    return;
  }
  const scale = Math.max(Math.abs(largest), largestMin);
  for (const [index, value] of first.entries()) differences.compare(name, gradient[index]!, value, scale);
  differences.compare(`${name}, the largest`, gradient[place]!, largest, scale);
  const [total, squares] = gradient.reduce(([a, b], value) => [a + value, b + value * value], [0, 0] as [
    number,
    number,
  ]);
  // Errors of single values add up in a sum, but in all directions: its scale is that of the whole tensor.
  differences.compare(`${name}, the sum`, total, sum, Math.max(scale, Math.sqrt(sum_sq * gradient.length)));
  differences.compare(`${name}, the sum of squares`, squares, sum_sq, Math.max(sum_sq, largestMin));
}

function examplesOf({ batch }: Golden): Example[] {
  return batch.input_ids.map((row, index) => {
    const length = batch.attention_mask[index]!.reduce((sum, bit) => sum + bit, 0);
    return { ids: row.slice(0, length), scoredFrom: batch.labels[index]!.findIndex((label) => label !== -100) };
  });
}
