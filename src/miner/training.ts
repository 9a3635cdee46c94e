/** Fine-tunes a model: what a training needs is opened and checked here, before its first step. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { assert } from "../base/assert.ts";
import { OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import { openTextTools } from "../eval/text-tools.ts";
import { type ModelFolder, openModelFolder } from "../model/folder.ts";
import { type Model, readModel } from "../model/model.ts";
import { adamWDefaults } from "../train/adamw.ts";
import type { Identity } from "../train/checkpoint.ts";
import { isTarget, moduleOf } from "../train/lora.ts";
import { chooseRecompute } from "../train/memory.ts";
import { type Method, prepareForward } from "../train/objective.ts";
import type { RunSize } from "../train/pieces.ts";
import { startingValues } from "../train/start.ts";
import { Trainer } from "../train/trainer.ts";
import { digestOf, startingAdapters } from "./adapter-start.ts";
import { openOutFolder } from "./out-folder.ts";
import { type Curriculum, fileCurriculum, generatedCurriculum } from "./training-data.ts";
import type { TrainingOptions, TrainingResult, TrainingSource } from "./training-options.ts";
import { refuseForeignTokens, TrainingRun } from "./training-run.ts";

const sequenceTokensDefault = 1024;

/**
 * Trains, going on from a checkpoint of the same training where there is one. Throws `OperatorError` for what cannot be
 * trained, `FailureError` when the loss explodes or a checkpoint cannot be written, `InterruptedError` after saving.
 */
export async function trainModel(options: TrainingOptions): Promise<TrainingResult> {
  const { base, out, method, adapter, seed, onEvent } = options;
  assert(adapter === null || method.kind === "lora", "adapters are gone on from, and all parameters trained");
  const folder = await openBase(base);
  const model = usable(readModel(folder.config, folder.tensors), base);
  const tools = usable(await openTextTools(folder.path, "hub-cache"), base);
  await openOutFolder(out, base);
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
  const identity = await identityOf(options, folder, curriculum, sequenceTokensMax);
  const { threads } = options;
  const size = runSizeMax(options, curriculum, sequenceTokensMax);
  const recompute = decideRecompute(options, model, size);
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
      size,
      ...(options.packing ? { rowTokensMax: sequenceTokensMax } : {}),
      ...(threads === undefined ? {} : { threads }),
    },
    async (trainables) =>
      adapter === null
        ? await startingValues(folder, method, trainables, new Random(seed))
        : startingAdapters(adapter, trainables, base),
  );
  try {
    const { vocabulary } = model;
    return await new TrainingRun(options, { folder, trainer, curriculum, vocabulary, identity }).toTheEnd();
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
async function identityOf(
  { method, adapter, seed, batchExamples, accumulatedRuns, packing }: TrainingOptions,
  { config, tensors }: ModelFolder,
  { digest }: Curriculum,
  sequenceTokensMax: number,
): Promise<Identity> {
  const files = [...new Set([...tensors.values()].map(({ file }) => file))].sort();
  // A base that was written anew in the meantime is another one.
  const states = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(file);
      return [file, size, mtimeMs];
    }),
  );
  return {
    base: createHash("sha256")
      .update(JSON.stringify([config, states]))
      .digest("hex"),
    method: JSON.stringify(method),
    adapter: adapter === null ? "none" : digestOf(adapter),
    data: digest,
    seed: String(seed),
    batch: String(batchExamples),
    accumulate: String(accumulatedRuns),
    seq: String(sequenceTokensMax),
    packing: String(packing),
  };
}

/** The model that a training begins with. Throws `OperatorError` where there is none. */
export async function openBase(base: string): Promise<ModelFolder> {
  return usable(await openModelFolder(base, { links: "hub-cache" }), base);
}

function usable<T>(value: T, base: string): Exclude<T, { kind: "invalid" }> {
  if (isInvalid(value))
    throw new OperatorError(`${base} cannot be trained: ${value.detail}.`, "Take another base model.");
  return value as Exclude<T, { kind: "invalid" }>;
}
