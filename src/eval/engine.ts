/**
 * The evaluation engine: a model's folder in, losses and continuations out. In the validator it runs in a child process
 * (worker.ts), since it blocks its thread and computes with a stranger's numbers.
 *
 * What is wrong with a model is a value (`Invalid`); what goes wrong with one sample is that sample's outcome and costs
 * no other sample anything.
 */
import { messageOf } from "../base/errors.ts";
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { Graph } from "../graph/graph.ts";
import { encode } from "../graph/onnx.ts";
import { type ModelFolder, openModelFolder } from "../model/folder.ts";
import { type Model, readModel } from "../model/model.ts";
import { Forward } from "./forward.ts";
import { generate } from "./generate.ts";
import { lossNats } from "./loss.ts";
import type { GenerationSample, LossSample, Sample } from "./sample.ts";
import { createSession, locationOf, type Session } from "./session.ts";

export interface EngineOptions {
  /** See SessionOptions.widen; `run` when absent. */
  readonly widen?: "load" | "run";
  readonly threads?: number;
  /** Tokens that go through the body at a time; the results do not depend on it. 512 when absent. */
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

export interface Engine {
  readonly kind: "engine";
  readonly model: Model;
  readonly folder: ModelFolder;
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
  { widen = "run", threads, chunkTokens = 512 }: EngineOptions,
): Engine {
  const sessions: Session[] = [];
  const open = async (graph: Graph): Promise<Session> => {
    const bytes = encode(graph, (name) => {
      const { file, offsetBytes, lengthBytes } = folder.tensors.get(name)!;
      return { location: locationOf(file), offset: offsetBytes, length: lengthBytes };
    });
    const session = await createSession(bytes, { widen, ...(threads === undefined ? {} : { threads }) });
    sessions.push(session);
    return session;
  };
  // Sessions are made when they are first needed: scoring needs no logits, generating no losses.
  const forward = once(async () => {
    const body = model.body();
    return new Forward(model, await open(body), body);
  });
  const lossHead = once(() => open(model.nll()));
  const logitsHead = once(() => open(model.logits()));
  const { width, vocabulary, positionsMax = Infinity } = model;

  return {
    kind: "engine",
    model,
    folder,
    async score(samples, { onSample, signal } = {}) {
      const parts = { forward: await forward(), head: await lossHead(), width, vocabulary, chunkTokens };
      return await each(samples, { onSample, signal }, async (sample) => {
        const problem = refuse(model, sample, sample.ids, sample.ids.length);
        if (problem !== undefined) return problem;
        const nll = await lossNats(parts, sample, signal);
        if (nll.every(Number.isFinite)) return { kind: "loss", nll };
        return { kind: "failed", reason: "loss-not-finite", detail: "the loss of a token is not a finite number" };
      });
    },
    async generate(samples, { onSample, onToken, signal } = {}) {
      const parts = { forward: await forward(), head: await logitsHead(), width, positionsMax, chunkTokens };
      return await each(samples, { onSample, signal }, async (sample, index) => {
        const problem = refuse(model, sample, sample.prompt, sample.prompt.length);
        if (problem !== undefined) return problem;
        const ids = await generate(parts, sample, { signal, onToken: onToken && ((id) => onToken(id, index)) });
        return { kind: "generation", ids };
      });
    },
    async close() {
      for (const session of sessions.splice(0)) await session.close();
    },
  };
}

/** What cannot be asked of this model. */
function refuse(model: Model, { kind }: Sample, ids: readonly number[], length: number): SampleFailure | undefined {
  const failed = (reason: SampleFailure["reason"], detail: string) => ({ kind: "failed", reason, detail }) as const;
  if (ids.length === 0) return failed("sample-empty", `a ${kind} sample without tokens`);
  const unknown = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= model.vocabulary);
  if (unknown !== undefined) return failed("token-unknown", `token ${unknown} of a vocabulary of ${model.vocabulary}`);
  const { positionsMax = Infinity } = model;
  if (length > positionsMax)
    return failed("sequence-too-long", `${length} tokens, the model has ${positionsMax} positions`);
  return undefined;
}

/** One sample after the other; a run that fails is that sample's failure, an interruption stops all. */
async function each<S, O>(
  samples: readonly S[],
  { onSample, signal }: Pick<EvaluateOptions<O | SampleFailure>, "onSample" | "signal">,
  evaluate: (sample: S, index: number) => Promise<O | SampleFailure>,
): Promise<(O | SampleFailure)[]> {
  const outcomes: (O | SampleFailure)[] = [];
  for (const [index, sample] of samples.entries()) {
    let outcome: O | SampleFailure;
    try {
      outcome = await evaluate(sample, index);
    } catch (error) {
      if (signal?.aborted) throw error;
      outcome = { kind: "failed", reason: "run-failed", detail: messageOf(error) };
    }
    outcomes.push(outcome);
    onSample?.(outcome, index);
  }
  return outcomes;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
