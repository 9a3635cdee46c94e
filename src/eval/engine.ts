/**
 * The evaluation engine: a model's folder in, losses and continuations out. In the validator it runs in a child process
 * (worker.ts), since it blocks its thread and computes with a stranger's numbers.
 *
 * What is wrong with a model is a value (`Invalid`); what goes wrong with one sample is that sample's outcome and costs
 * no other sample anything.
 */
import { availableParallelism } from "node:os";
import { messageOf } from "../base/errors.ts";
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { Graph } from "../graph/graph.ts";
import { encode } from "../graph/onnx.ts";
import { type ModelFolder, openModelFolder } from "../model/folder.ts";
import { type Model, readModel } from "../model/model.ts";
import { Forward } from "./forward.ts";
import { generate, planTogether } from "./generate.ts";
import { lossNats, planBatches } from "./loss.ts";
import { type ChunkLength, chooseCacheBytes, chooseChunks, chooseWiden } from "./memory.ts";
import type { GenerationSample, LossSample, Sample } from "./sample.ts";
import { createSession, locationOf, type Session } from "./session.ts";

export interface EngineOptions {
  /** See SessionOptions.widen; when absent, what the memory available and the work of a request suggest (memory.ts). */
  readonly widen?: "load" | "run";
  /** Anonymous memory that may be planned with; what the machine has available when absent. */
  readonly memoryBytesMax?: number;
  readonly threads?: number;
  /** Tokens that go through the body at a time; the results do not depend on it. See memory.ts when absent. */
  readonly chunkTokens?: number;
}

export interface SampleFailure {
  readonly kind: "failed";
  readonly reason: "sample-empty" | "token-unknown" | "sequence-too-long" | "loss-not-finite" | "run-failed";
  readonly detail: string;
}

export interface LossOutcome {
  readonly kind: "loss";
  /** In nats, one for each scored token: those from max(scoredFrom, 1) on. */
  readonly nll: readonly number[];
}

export interface GenerationOutcome {
  readonly kind: "generation";
  readonly ids: readonly number[];
}

export interface EvaluateOptions<Outcome> {
  /** Called after every sample, in order. */
  readonly onSample?: ((outcome: Outcome, index: number) => void) | undefined;
  /** Stops between chunks; what was begun is thrown away and `signal.reason` thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Generation only: told every new token as soon as it is chosen. */
  readonly onToken?: (id: number, index: number) => void;
}

export interface Computation {
  /** How the parameters are widened: beforehand or in every run (memory.ts). */
  readonly mode: "load" | "run";
  readonly threads: number;
}

export interface Engine {
  readonly kind: "engine";
  readonly model: Model;
  readonly folder: ModelFolder;
  /** How samples are scored; without any, what is done with work that is long enough to matter. */
  readonly computation: (samples?: readonly LossSample[]) => Computation;
  readonly score: (
    samples: readonly LossSample[],
    options?: EvaluateOptions<LossOutcome | SampleFailure>,
  ) => Promise<(LossOutcome | SampleFailure)[]>;
  readonly generate: (
    samples: readonly GenerationSample[],
    options?: EvaluateOptions<GenerationOutcome | SampleFailure>,
  ) => Promise<(GenerationOutcome | SampleFailure)[]>;
  readonly close: () => Promise<void>;
}

/** @param folder a path given by the operator, or a folder that was opened before */
export async function openEngine(folder: string | ModelFolder, options: EngineOptions = {}): Promise<Engine | Invalid> {
  const opened = typeof folder === "string" ? await openModelFolder(folder) : folder;
  if (isInvalid(opened)) return opened;
  const model = readModel(opened.config, opened.tensors);
  if (isInvalid(model)) return model;
  return createEngine(opened, model, options);
}

function createEngine(
  folder: ModelFolder,
  model: Model,
  { widen, memoryBytesMax, threads, chunkTokens }: EngineOptions,
): Engine {
  const sessions: Session[] = [];
  const open = async (graph: Graph, widen: "load" | "run"): Promise<Session> => {
    const bytes = encode(graph, (name) => {
      const { file, offsetBytes, lengthBytes } = folder.tensors.get(name)!;
      return { location: locationOf(file), offset: offsetBytes, length: lengthBytes };
    });
    const planReuse = graph.nodes.filter(({ op }) => op.kind === "NonZeroRows").length <= plannedExpertsMax;
    const session = await createSession(bytes, { widen, planReuse, ...(threads === undefined ? {} : { threads }) });
    sessions.push(session);
    return session;
  };
  // Sessions are made when they are first needed: scoring needs no logits, generating no losses.
  const openAll = (mode: "load" | "run") => ({
    body: lazy(async () => {
      const body = model.body();
      const chunkLength: ChunkLength =
        chunkTokens === undefined ? chooseChunks(mode, body, { memoryBytesMax }) : () => chunkTokens;
      const forward = new Forward(model, await open(body, mode), body);
      return { forward, chunkLength, cache: forward.newCache() };
    }),
    lossHead: lazy(() => open(model.nll(), mode)),
    logitsHead: lazy(() => open(model.logits(), mode)),
  });
  const opened = { load: openAll("load"), run: openAll("run") };
  // Chosen once: parameters that were widened leave less memory available, which must not change the choice.
  const long = lazy(() => widen ?? chooseWiden(model, { memoryBytesMax }));
  const modeFor = (samples: readonly LossSample[]) => {
    const tokens = samples.reduce((sum, { ids }) => sum + ids.length, 0);
    return widen ?? (tokens < briefTokens ? "run" : long());
  };
  const { width, vocabulary, positionsMax = Infinity } = model;

  return {
    kind: "engine",
    model,
    folder,
    computation: (samples) => ({
      mode: samples === undefined ? long() : modeFor(samples),
      threads: threads ?? availableParallelism(),
    }),
    async score(samples, options = {}) {
      const { body, lossHead } = opened[modeFor(samples)];
      const { forward, chunkLength } = await body();
      const batchTokens = Math.min(batchTokensMax, batchChunks * chunkLength(0));
      const parts = { forward, head: await lossHead(), width, vocabulary, chunkLength, batchTokens };
      const method: Together<LossSample, LossOutcome> = {
        windows: windowsOf(samples),
        plan: (window) => planBatches(parts, window),
        async run(batch) {
          const losses = await lossNats(parts, batch, options.signal);
          return losses.map((nll) =>
            nll.every(Number.isFinite)
              ? { kind: "loss", nll }
              : { kind: "failed", reason: "loss-not-finite", detail: "the loss of a token is not a finite number" },
          );
        },
      };
      return await evaluateTogether(model, method, options);
    },
    async generate(samples, options = {}) {
      const { body, logitsHead } = opened[long()];
      const { forward, chunkLength, cache } = await body();
      const cacheBytesMax = chooseCacheBytes({ memoryBytesMax });
      const parts = { forward, chunkLength, cache, cacheBytesMax, head: await logitsHead(), width, positionsMax };
      const { signal, onToken } = options;
      const method: Together<GenerationSample, GenerationOutcome> = {
        windows: [samples],
        plan: (window) => planTogether(parts, window),
        async run(group, indices) {
          const tell = onToken && ((id: number, place: number) => onToken(id, indices[place]!));
          const continued = await generate(parts, group, { signal, onToken: tell });
          return continued.map((ids) => ({ kind: "generation", ids }));
        },
      };
      return await evaluateTogether(model, method, options);
    },
    async close() {
      for (const session of sessions.splice(0)) await session.close();
    },
  };
}

/** Planning for so many experts, those of all layers together, takes a minute on two cores; it grows with their square. */
const plannedExpertsMax = 512;
/** Less work than this is done before the parameters are widened for it: both take time in proportion to them. */
const briefTokens = 2048;
/** A batch of short samples may be several chunks of a long one: the more there are to choose from, the less is padding. */
const batchChunks = 2;
const batchTokensMax = 2048;
/** Losses are told in order, so those of a window wait for each other. */
const windowTokens = 16_384;

/** Consecutive samples, until they have `windowTokens` together: among them batches are made. */
function* windowsOf(samples: readonly LossSample[]): Generator<readonly LossSample[]> {
  let start = 0;
  let tokens = 0;
  for (const [index, { ids }] of samples.entries()) {
    tokens += ids.length;
    if (tokens < windowTokens && index < samples.length - 1) continue;
    yield samples.slice(start, index + 1);
    start = index + 1;
    tokens = 0;
  }
}

/** How samples of a kind are evaluated, several at a time. */
interface Together<S extends Sample, O> {
  /** All samples, consecutive ones together: among those of a window is chosen what is run together. */
  readonly windows: Iterable<readonly S[]>;
  /** @returns positions in the window */
  readonly plan: (window: readonly S[]) => readonly (readonly number[])[];
  /** @param indices which of all samples these are */
  readonly run: (samples: readonly S[], indices: readonly number[]) => Promise<(O | SampleFailure)[]>;
}

/** Outcomes in the order of the samples. One that cannot be asked for costs no other anything, nor does a run that fails. */
async function evaluateTogether<S extends Sample, O>(
  model: Model,
  { windows, plan, run }: Together<S, O>,
  { onSample, signal }: EvaluateOptions<O | SampleFailure>,
): Promise<(O | SampleFailure)[]> {
  const outcomes: (O | SampleFailure)[] = [];
  for (const window of windows) {
    const start = outcomes.length;
    const found: (O | SampleFailure | undefined)[] = window.map((sample) => refuse(model, sample));
    // What is known of the first samples is told at once; what comes behind one that is still to be computed, later.
    const tell = () => {
      for (let place = outcomes.length - start; found[place] !== undefined; place++) {
        signal?.throwIfAborted();
        outcomes.push(found[place]!);
        onSample?.(found[place]!, start + place);
      }
    };
    tell();
    const sound = [...window.keys()].filter((place) => found[place] === undefined);
    for (const batch of plan(sound.map((place) => window[place]!))) {
      const places = batch.map((position) => sound[position]!);
      const results = await runBatch(
        run,
        places.map((place) => window[place]!),
        places.map((place) => start + place),
        signal,
      );
      for (const [position, place] of places.entries()) found[place] = results[position]!;
      tell();
    }
  }
  return outcomes;
}

/** A run that fails is that sample's failure; in a batch every sample gets a run of its own first. */
async function runBatch<S extends Sample, O>(
  run: Together<S, O>["run"],
  samples: readonly S[],
  indices: readonly number[],
  signal: AbortSignal | undefined,
): Promise<(O | SampleFailure)[]> {
  try {
    return await run(samples, indices);
  } catch (error) {
    if (signal?.aborted) throw error;
    if (samples.length === 1) return [{ kind: "failed", reason: "run-failed", detail: messageOf(error) }];
    const alone: (O | SampleFailure)[] = [];
    for (const [place, sample] of samples.entries())
      alone.push(...(await runBatch(run, [sample], [indices[place]!], signal)));
    return alone;
  }
}

/** What cannot be asked of this model. */
function refuse(model: Model, sample: Sample): SampleFailure | undefined {
  const { kind } = sample;
  const ids = sample.kind === "loss" ? sample.ids : sample.prompt;
  const failed = (reason: SampleFailure["reason"], detail: string) => ({ kind: "failed", reason, detail }) as const;
  if (ids.length === 0) return failed("sample-empty", `a ${kind} sample without tokens`);
  const unknown = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= model.vocabulary);
  if (unknown !== undefined) return failed("token-unknown", `token ${unknown} of a vocabulary of ${model.vocabulary}`);
  const { positionsMax = Infinity } = model;
  if (ids.length > positionsMax)
    return failed("sequence-too-long", `${ids.length} tokens, the model has ${positionsMax} positions`);
  return undefined;
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
