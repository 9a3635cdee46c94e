/** The loop of a training: steps, measurements and checkpoints until its end, and the result as a folder. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { FailureError, InterruptedError, messageOf, OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { openEngine } from "../eval/engine.ts";
import { diskFailure } from "../hub/outcome.ts";
import type { ModelFolder } from "../model/folder.ts";
import { writeAdapter } from "../train/adapter.ts";
import { type Example, tokensOf } from "../train/batch.ts";
import { differenceOf, type Identity, readCheckpoint, removeCheckpoint, writeCheckpoint } from "../train/checkpoint.ts";
import { saveModel } from "../train/save.ts";
import { learningRate, type Schedule } from "../train/schedule.ts";
import type { StepResult, Trainer } from "../train/trainer.ts";
import type { Curriculum } from "./training-data.ts";
import type { TrainingOptions, TrainingResult } from "./training-options.ts";

/** A loss of this many times that of knowing nothing cannot be the noise of a batch. */
const explodedFactor = 3;

export interface Parts {
  readonly folder: ModelFolder;
  readonly trainer: Trainer;
  readonly curriculum: Curriculum;
  readonly vocabulary: number;
  readonly identity: Identity;
}

export class TrainingRun {
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
    const lossNatsMean = curriculum.heldOut.length === 0 ? null : await lossOf(out, curriculum.heldOut);
    await removeCheckpoint(this.#checkpoint);
    return { out, steps: totalSteps, lossNatsMean };
  }

  async #resume(): Promise<void> {
    const { out, restart, onEvent } = this.options;
    if (existsSync(join(out, "model.safetensors")))
      onEvent({ kind: "notice", text: `${out} holds a model, which the trained one will replace.` });
    const { trainer, identity } = this.parts;
    if (restart) await removeCheckpoint(this.#checkpoint);
    const found = await readCheckpoint(this.#checkpoint, trainer.trainables);
    if (found === undefined) return;
    if (isInvalid(found))
      throw new OperatorError(
        `${this.#checkpoint} cannot be gone on from: ${found.detail}.`,
        "Give --restart to throw it away, or another --out.",
      );
    const difference = differenceOf(found.identity, identity);
    if (difference !== undefined)
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
      return await lossOf(aside, curriculum.heldOut);
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }
}

/** A tokenizer may know more tokens than the model has rows for. */
export function refuseForeignTokens(examples: readonly Example[], vocabulary: number, base: string): void {
  for (const { ids } of examples)
    for (const id of ids)
      if (id >= vocabulary)
        throw new OperatorError(
          `The tokenizer of ${base} makes token ${id}, the model has ${vocabulary}.`,
          "Take a base whose tokenizer goes with its parameters.",
        );
}

/** The loss that a validator would find, by the validator's own engine. */
async function lossOf(folder: string, examples: readonly Example[]): Promise<number> {
  const engine = await openEngine(folder);
  if (isInvalid(engine))
    throw new OperatorError(`${folder} cannot be measured: ${engine.detail}.`, "Take another base model.");
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
