/** Fine-tunes a model: examples, steps, measurements and checkpoints, and the result as a folder that anyone can load. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { FailureError, InterruptedError, messageOf, OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import { openEngine } from "../eval/engine.ts";
import { openTextTools } from "../eval/text-tools.ts";
import { diskFailure } from "../hub/outcome.ts";
import { type ModelFolder, openModelFolder } from "../model/folder.ts";
import { type Model, readModel } from "../model/model.ts";
import type { TensorDtype } from "../model/safetensors.ts";
import { chooseRecompute, type RunSize } from "../train/activation-memory.ts";
import { adamWDefaults } from "../train/adamw.ts";
import { writeAdapter } from "../train/adapter.ts";
import { type Example, tokensOf } from "../train/batch.ts";
import { differenceOf, type Identity, readCheckpoint, removeCheckpoint, writeCheckpoint } from "../train/checkpoint.ts";
import { isTarget, moduleOf } from "../train/lora.ts";
import { type Method, prepareForward } from "../train/objective.ts";
import { saveModel } from "../train/save.ts";
import { learningRate, type Schedule } from "../train/schedule.ts";
import { startingValues } from "../train/start.ts";
import { type StepResult, Trainer } from "../train/trainer.ts";
import { openOutFolder } from "./out-folder.ts";
import { type Curriculum, type Exercise, fileCurriculum, generatedCurriculum } from "./training-data.ts";

export type TrainingSource =
  | { readonly kind: "files"; readonly path: string }
  /** Fresh exercises of a generator; `name` says which, with its parameters. */
  | {
      readonly kind: "generated";
      readonly name: string;
      readonly draw: (random: Random, count: number) => readonly Exercise[];
    };

export interface TrainingOptions {
  readonly base: string;
  readonly out: string;
  readonly source: TrainingSource;
  readonly method: Method;
  readonly schedule: Omit<Schedule, "totalSteps">;
  /** How long: steps, or passes over the data. */
  readonly length: { readonly steps: number } | { readonly passes: number };
  /** Examples a run, and runs a step. */
  readonly batchExamples: number;
  readonly accumulatedRuns: number;
  /** Examples of a run share rows, of which none sees another; else each has a row of its own. */
  readonly packing: boolean;
  /** Null: what the model was made for, at most 1024. */
  readonly sequenceTokensMax: number | null;
  readonly weightDecay: number;
  readonly gradientNormMax: number;
  readonly seed: bigint;
  /** 0: never but at the end. */
  readonly evaluateEverySteps: number;
  readonly checkpointEverySteps: number;
  /** Of the parameters that are written, and measured; null: as they are stored in the base. */
  readonly dtype: TensorDtype | null;
  /** Each layer twice, so that the activations of one layer are in memory and not those of all; `auto`: when needed. */
  readonly recompute: boolean | "auto";
  /** Begins anew although there is a checkpoint. */
  readonly restart: boolean;
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainingEvent) => void;
}

export type TrainingEvent =
  | { readonly kind: "notice"; readonly text: string }
  | ({ readonly kind: "step" } & TrainingStep)
  | { readonly kind: "evaluated"; readonly step: number; readonly lossNatsMean: number }
  | { readonly kind: "checkpoint"; readonly step: number };

export interface TrainingStep {
  readonly step: number;
  readonly steps: number;
  readonly lossNatsMean: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly tokensPerSecond: number;
  /** How many rows the examples were in, and which part of the rows' tokens was padding. */
  readonly rows: number;
  readonly paddingPart: number;
}

export interface TrainingResult {
  readonly out: string;
  readonly steps: number;
  /**
   * Mean over examples that were not trained on of the mean NLL of their references: the validators' measure. Null when
   * the data was a single example, of which none could be held out.
   */
  readonly lossNatsMean: number | null;
}

const sequenceTokensDefault = 1024;
/** A loss of this many times that of knowing nothing cannot be the noise of a batch. */
const explodedFactor = 3;

/**
 * Trains, going on from a checkpoint of the same training where there is one. Throws `OperatorError` for what cannot be
 * trained, `FailureError` when the loss explodes or a checkpoint cannot be written, `InterruptedError` after saving.
 */
export async function trainModel(options: TrainingOptions): Promise<TrainingResult> {
  const { base, out, method, seed, onEvent } = options;
  await openOutFolder(out, base);
  const folder = usable(await openModelFolder(base, { links: "hub-cache" }), base);
  const model = usable(readModel(folder.config, folder.tensors), base);
  const tools = usable(await openTextTools(folder.path, "hub-cache"), base);
  const { positionsMax = Infinity, contextTokens } = model;
  const sequenceTokensMax = options.sequenceTokensMax ?? Math.min(positionsMax, contextTokens, sequenceTokensDefault);
  if (sequenceTokensMax > positionsMax)
    throw new OperatorError(`${base} has ${positionsMax} positions.`, `Give --seq ${positionsMax} or less.`);
  const examplesPerStep = options.batchExamples * options.accumulatedRuns;
  const preparation = { tools, seed, examplesPerStep, sequenceTokensMax };
  const curriculum = await openCurriculum(options.source, preparation);
  refuseForeignTokens(curriculum.heldOut, model.vocabulary, base);
  if (curriculum.notice !== null) onEvent({ kind: "notice", text: curriculum.notice });

  refuseUnknownTargets(method, model, base);
  const { threads } = options;
  const recompute = decideRecompute(options, model, runSizeMax(options, curriculum, sequenceTokensMax));
  const trainer = await Trainer.create(
    folder,
    model,
    {
      ...adamWDefaults,
      method,
      weightDecay: options.weightDecay,
      gradientNormMax: options.gradientNormMax,
      batchExamples: options.batchExamples,
      dropoutSeed: seed,
      recompute,
      ...(options.packing ? { rowTokensMax: sequenceTokensMax } : {}),
      ...(threads === undefined ? {} : { threads }),
    },
    (trainables) => startingValues(folder, method, trainables, new Random(seed)),
  );
  const run = new TrainingRun(options, {
    folder,
    trainer,
    curriculum,
    vocabulary: model.vocabulary,
    identity: identityOf(options, folder, curriculum, sequenceTokensMax),
  });
  try {
    return await run.toTheEnd();
  } finally {
    await trainer.close();
  }
}

/** A name that no linear has would be trained by nobody, and nobody would notice. */
function refuseUnknownTargets(method: Method, model: Model, base: string): void {
  if (method.kind === "full" || method.targets === "all-linear") return;
  const modules = prepareForward(model, { ...method, targets: "all-linear" }).trainables.map(({ name }) =>
    moduleOf(name),
  );
  const unknown = method.targets.filter((target) => !modules.some((module) => isTarget(module, [target])));
  if (unknown.length === 0) return;
  const known = [...new Set(modules.map((module) => module.split(".").at(-1)!))].sort();
  throw new OperatorError(
    `${base} has no linear called ${unknown.join(", ")}.`,
    known.length > 0 ? `Its linears are ${known.join(", ")}.` : "Train all parameters with --full.",
  );
}

/** The most that a run may be: packed, as many tokens in fewer and longer rows, which need more memory. */
function runSizeMax(
  { batchExamples: batch, packing }: TrainingOptions,
  { tokensMax }: Curriculum,
  sequenceTokensMax: number,
): RunSize {
  if (!packing) return { batch, tokens: tokensMax };
  const tokens = Math.max(tokensMax, Math.min(sequenceTokensMax, batch * tokensMax));
  return { batch: Math.ceil((batch * tokensMax) / tokens), tokens };
}

/** Says so when the machine decides: a third more work should surprise nobody. */
function decideRecompute({ recompute, method, onEvent }: TrainingOptions, model: Model, size: RunSize): boolean {
  if (recompute !== "auto") return recompute;
  const chosen = chooseRecompute(model, method, size);
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  if (chosen.recompute)
    onEvent({
      kind: "notice",
      text: `Activations would take about ${gigabytes(chosen.activationBytes)} GB of ${gigabytes(chosen.memoryBytes)} GB: each layer is computed twice. A smaller --batch with more --accumulate is faster.`,
    });
  return chosen.recompute;
}

function openCurriculum(source: TrainingSource, preparation: Parameters<typeof fileCurriculum>[1]) {
  return source.kind === "files"
    ? fileCurriculum(source.path, preparation)
    : generatedCurriculum(source.draw, source.name, preparation);
}

/** What makes two runs the same training. The learning rate, its schedule and the length may change in between. */
function identityOf(
  { method, seed, batchExamples, accumulatedRuns, packing }: TrainingOptions,
  folder: ModelFolder,
  { digest }: Curriculum,
  sequenceTokensMax: number,
): Identity {
  const tensors = [...folder.tensors].map(([name, { dtype, shape, file }]) => [name, dtype, shape, file]);
  return {
    base: createHash("sha256")
      .update(JSON.stringify([folder.config, tensors]))
      .digest("hex"),
    method: JSON.stringify(method),
    data: digest,
    seed: String(seed),
    batch: String(batchExamples),
    accumulate: String(accumulatedRuns),
    seq: String(sequenceTokensMax),
    packing: String(packing),
  };
}

interface Parts {
  readonly folder: ModelFolder;
  readonly trainer: Trainer;
  readonly curriculum: Curriculum;
  readonly vocabulary: number;
  readonly identity: Identity;
}

class TrainingRun {
  readonly #checkpoint: string;
  readonly #schedule: Schedule;
  #lossMax = Infinity;
  #savedStep = 0;

  constructor(
    private readonly options: TrainingOptions,
    private readonly parts: Parts,
  ) {
    const { length, schedule, out } = options;
    const { stepsPerPass } = parts.curriculum;
    if ("passes" in length && stepsPerPass === null)
      throw new OperatorError("Generated exercises have no end to pass.", "Give --steps instead of --epochs.");
    const totalSteps = "steps" in length ? length.steps : length.passes * stepsPerPass!;
    this.#schedule = { ...schedule, totalSteps };
    this.#checkpoint = `${resolve(out)}.checkpoint.safetensors`;
  }

  async toTheEnd(): Promise<TrainingResult> {
    const { out, signal, onEvent, checkpointEverySteps, evaluateEverySteps } = this.options;
    const { trainer, curriculum, vocabulary } = this.parts;
    await this.#resume();
    const { totalSteps } = this.#schedule;
    for (let step = trainer.state.step + 1; step <= totalSteps; step++) {
      // The computation holds the thread: only a turn of the event loop lets a signal through.
      await Bun.sleep(0);
      if (signal.aborted) {
        await this.#save();
        throw new InterruptedError();
      }
      const examples = await curriculum.batch(step);
      refuseForeignTokens(examples, vocabulary, this.options.base);
      await this.#step(examples, step);
      if (step < totalSteps && step % checkpointEverySteps === 0) await this.#save();
      if (step < totalSteps && evaluateEverySteps > 0 && step % evaluateEverySteps === 0) {
        const lossNatsMean = await this.#measure();
        if (lossNatsMean !== null) onEvent({ kind: "evaluated", step, lossNatsMean });
      }
    }
    await this.#write(out);
    const lossNatsMean = curriculum.heldOut.length === 0 ? null : await measure(out, curriculum.heldOut);
    await removeCheckpoint(this.#checkpoint);
    return { out, steps: totalSteps, lossNatsMean };
  }

  async #resume(): Promise<void> {
    const { restart, onEvent } = this.options;
    const { trainer, identity } = this.parts;
    if (restart) await removeCheckpoint(this.#checkpoint);
    const found = await readCheckpoint(this.#checkpoint, trainer.trainables);
    if (found === undefined) return;
    const difference = isInvalid(found) ? "its contents" : differenceOf(found.identity, identity);
    if (isInvalid(found) || difference !== undefined)
      throw new OperatorError(
        `${this.#checkpoint} is of another training: they differ in ${difference}.`,
        "Give the same settings to go on with it, --restart to throw it away, or another --out.",
      );
    trainer.restore(found.state);
    this.#savedStep = found.state.step;
    onEvent({ kind: "notice", text: `Going on after step ${found.state.step}.` });
  }

  async #step(examples: readonly Example[], step: number): Promise<void> {
    const { trainer, vocabulary } = this.parts;
    const rate = learningRate(this.#schedule, step);
    const started = performance.now();
    const result = await trainer.step(examples, rate);
    this.#refuseExplosion(result, step, vocabulary);
    const tokensPerSecond = (1000 * tokensOf(examples)) / (performance.now() - started);
    const { totalSteps: steps } = this.#schedule;
    this.options.onEvent({ kind: "step", step, steps, learningRate: rate, tokensPerSecond, ...result });
  }

  #refuseExplosion({ lossNatsMean, gradientNorm }: StepResult, step: number, vocabulary: number): void {
    if (this.#lossMax === Infinity) this.#lossMax = explodedFactor * Math.max(lossNatsMean, Math.log(vocabulary));
    if (Number.isFinite(lossNatsMean) && Number.isFinite(gradientNorm) && lossNatsMean <= this.#lossMax) return;
    const what = Number.isFinite(lossNatsMean)
      ? Number.isFinite(gradientNorm)
        ? `The loss exploded to ${lossNatsMean.toFixed(2)}`
        : "The gradient stopped being a number"
      : "The loss stopped being a number";
    throw new FailureError(
      `${what} at step ${step}.`,
      this.#savedStep > 0
        ? `The checkpoint of step ${this.#savedStep} is kept: run this again with a lower --lr to go on from it.`
        : "Lower --lr or raise --warmup; nothing was written.",
    );
  }

  async #save(): Promise<void> {
    const { trainer, identity } = this.parts;
    if (trainer.state.step === this.#savedStep) return;
    const checkpoint = { identity, state: trainer.state, trainables: trainer.trainables };
    await this.#writing(`The checkpoint of step ${trainer.state.step}`, () =>
      writeCheckpoint(this.#checkpoint, checkpoint),
    );
    this.#savedStep = trainer.state.step;
    this.options.onEvent({ kind: "checkpoint", step: this.#savedStep });
  }

  /** A full disk costs what was learnt since the last checkpoint, and is said in a sentence. */
  async #writing(what: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      throw new FailureError(
        `${what} could not be written: ${diskFailure(error)?.detail ?? messageOf(error)}.`,
        this.#savedStep > 0
          ? `The checkpoint of step ${this.#savedStep} is kept: make room and run this again.`
          : "Make room and run this again.",
      );
    }
  }

  /** The model, and the adapters beside it in PEFT's files: transformers must not find those next to a config.json. */
  async #write(out: string): Promise<void> {
    const { method, base, dtype } = this.options;
    const { folder, trainer } = this.parts;
    const { values } = trainer.state;
    await this.#writing(`The model ${out}`, async () => {
      await saveModel({ base: folder, method, values, out, dtype });
      if (method.kind === "full") return;
      const adapter = { base, options: method, trainables: trainer.trainables, values };
      await writeAdapter(`${resolve(out)}.adapter`, adapter);
    });
  }

  async #measure(): Promise<number | null> {
    const { method, dtype } = this.options;
    const { folder, trainer, curriculum } = this.parts;
    if (curriculum.heldOut.length === 0) return null;
    const aside = `${resolve(this.options.out)}.measured`;
    try {
      await this.#writing("The model to be measured", () =>
        saveModel({ base: folder, method, values: trainer.state.values, out: aside, dtype }),
      );
      return await measure(aside, curriculum.heldOut);
    } finally {
      await rm(join(aside), { recursive: true, force: true });
    }
  }
}

function usable<T>(value: T, base: string): Exclude<T, { kind: "invalid" }> {
  if (isInvalid(value))
    throw new OperatorError(`${base} cannot be trained: ${value.detail}.`, "Take another base model.");
  return value as Exclude<T, { kind: "invalid" }>;
}

/** A tokenizer may know more tokens than the model has rows for. */
function refuseForeignTokens(examples: readonly Example[], vocabulary: number, base: string): void {
  for (const { ids } of examples)
    for (const id of ids)
      if (id >= vocabulary)
        throw new OperatorError(
          `The tokenizer of ${base} makes token ${id}, the model has ${vocabulary}.`,
          "Take a base whose tokenizer goes with its parameters.",
        );
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
