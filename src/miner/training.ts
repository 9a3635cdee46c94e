/** Fine-tunes a model on what a competition asks: draws examples, steps, measures, and writes the result as a folder. */
import { FailureError, InterruptedError, OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import { openEngine } from "../eval/engine.ts";
import { openFolder, openModelFolder } from "../model/folder.ts";
import { readModel } from "../model/model.ts";
import { openTokenizer, type Tokenizer } from "../model/tokenizer.ts";
import { adamWDefaults } from "../train/adamw.ts";
import type { Example } from "../train/batch.ts";
import type { Method } from "../train/objective.ts";
import { saveModel } from "../train/save.ts";
import { learningRate, type Schedule } from "../train/schedule.ts";
import { startingValues } from "../train/start.ts";
import { Trainer } from "../train/trainer.ts";

/** A prompt and what should follow it, as text. */
export interface Exercise {
  readonly context: string;
  readonly reference: string;
}

export interface TrainingOptions {
  readonly base: string;
  readonly out: string;
  readonly method: Method;
  readonly schedule: Schedule;
  readonly batchExamples: number;
  readonly weightDecay: number;
  readonly gradientNormMax: number;
  readonly seed: bigint;
  /** Fresh exercises of a generator; called for every step. */
  readonly draw: (random: Random, count: number) => readonly Exercise[];
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onStep: (step: TrainingStep) => void;
}

export interface TrainingStep {
  readonly step: number;
  readonly steps: number;
  readonly lossNatsMean: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly tokensPerSecond: number;
}

export interface TrainingResult {
  readonly out: string;
  readonly steps: number;
  /** Mean over exercises that were not trained on of the mean NLL of their references: the validators' measure. */
  readonly lossNatsMean: number;
}

/** Throws `OperatorError` for a base that cannot be trained, `FailureError` when the loss stops being a number. */
export async function trainModel(options: TrainingOptions): Promise<TrainingResult> {
  const { base, out, method, schedule, batchExamples, seed, draw, signal, onStep } = options;
  const folder = usable(await openModelFolder(base), base);
  const model = usable(readModel(folder.config, folder.tensors), base);
  const tokenizer = usable(await openTokenizer(usable(await openFolder(folder.path, "refuse"), base)), base);
  if (tokenizer === undefined)
    throw new OperatorError(`${base} has no tokenizer.json.`, "Take a base model whose folder has one.");
  const trainerOptions = {
    ...adamWDefaults,
    method,
    weightDecay: options.weightDecay,
    gradientNormMax: options.gradientNormMax,
    batchExamples,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  };
  const trainer = await Trainer.create(folder, model, trainerOptions, (trainables) =>
    startingValues(folder, method, trainables, new Random(seed)),
  );
  try {
    const random = new Random(seed);
    for (let step = 1; step <= schedule.totalSteps; step++) {
      if (signal.aborted) throw new InterruptedError();
      const examples = await tokenise(tokenizer, draw(random, batchExamples));
      const rate = learningRate(schedule, step);
      const started = performance.now();
      const result = await trainer.step(examples, rate);
      if (!Number.isFinite(result.lossNatsMean) || !Number.isFinite(result.gradientNorm))
        throw new FailureError(
          `The loss or its gradient stopped being a number at step ${step}.`,
          "Lower --lr or raise --warmup; nothing was written.",
        );
      const tokensPerSecond = (1000 * result.tokens) / (performance.now() - started);
      onStep({ step, steps: schedule.totalSteps, learningRate: rate, tokensPerSecond, ...result });
    }
    await saveModel({ base: folder, method, values: trainer.state.values, out, dtype: null });
  } finally {
    await trainer.close();
  }
  // Seeds of held-out exercises differ from every training seed by their text.
  const heldOut = await tokenise(tokenizer, draw(new Random(`held out of ${seed}`), 64));
  return { out, steps: schedule.totalSteps, lossNatsMean: await measure(out, heldOut) };
}

function usable<T>(value: T, base: string): Exclude<T, { kind: "invalid" }> {
  if (isInvalid(value))
    throw new OperatorError(`${base} cannot be trained: ${value.detail}.`, "Take another base model.");
  return value as Exclude<T, { kind: "invalid" }>;
}

async function tokenise(tokenizer: Tokenizer, exercises: readonly Exercise[]): Promise<Example[]> {
  const contexts = await tokenizer.encodeAll(
    exercises.map(({ context }) => context),
    { addSpecialTokens: true },
  );
  const references = await tokenizer.encodeAll(
    exercises.map(({ reference }) => reference),
    { addSpecialTokens: false },
  );
  return contexts.map((context, index) => ({ ids: [...context, ...references[index]!], scoredFrom: context.length }));
}

/** The loss that a validator would find, by the validator's own engine. */
async function measure(folder: string, examples: readonly Example[]): Promise<number> {
  const engine = usable(await openEngine(folder), folder);
  try {
    const outcomes = await engine.score(examples.map((example) => ({ kind: "loss" as const, ...example })));
    const means = outcomes.map((outcome) =>
      outcome.kind === "loss" ? outcome.nll.reduce((sum, nll) => sum + nll, 0) / outcome.nll.length : Infinity,
    );
    return means.reduce((sum, mean) => sum + mean, 0) / means.length;
  } finally {
    await engine.close();
  }
}
