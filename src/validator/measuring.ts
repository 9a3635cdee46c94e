/**
 * Measures the contenders, one model at a time, each in a child process. A loss is on disk before the next batch's is
 * waited for, and what is on disk is never computed again.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import type { Competition, Task } from "../competition/competition.ts";
import { type ModelChild, startModelChild } from "../eval/child.ts";
import type { GenerationSample, LossSample } from "../eval/sample.ts";
import { methods } from "../eval/tasks/methods.ts";
import type { Answer, Question, TaskText } from "../eval/tasks/task.ts";
import { finishEvaluation, startEvaluation } from "../store/evaluations.ts";
import { readLosses } from "../store/losses.ts";
import { findSampleSet, readSamples, storeSamples } from "../store/samples.ts";
import type { Row } from "../store/schema.ts";
import type { RoundContender } from "./admission.ts";
import type { ValidatorContext } from "./context.ts";
import { LossLog } from "./loss-log.ts";

export interface MeasuringInput {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
  readonly contenders: readonly RoundContender[];
  readonly texts: ReadonlyMap<string, readonly TaskText[]>;
}

export async function measureContenders(context: ValidatorContext, input: MeasuringInput): Promise<void> {
  for (const contender of input.contenders) {
    const { held } = contender.model;
    const { limits, signal, threads } = context;
    const child = startModelChild({
      folder: held.folder,
      limits,
      signal,
      ...(threads === undefined ? {} : { threads }),
    });
    try {
      for (const task of input.competition.tasks) {
        const texts = input.texts.get(task.name);
        if (texts !== undefined) await measureTask(context, { ...input, contender, child, task, texts });
      }
    } finally {
      await child.close();
      held.release();
    }
  }
}

interface TaskInput extends MeasuringInput {
  readonly contender: RoundContender;
  readonly child: ModelChild;
  readonly task: Task;
  /** The task's. */
  readonly taskTexts?: never;
}

async function measureTask(
  context: ValidatorContext,
  input: Omit<TaskInput, "texts"> & { readonly texts: readonly TaskText[] },
): Promise<void> {
  const { store, report } = context;
  const { round, contender, task, child } = input;
  const { modelId, repo } = contender.model;
  const questions = await prepareQuestions(context, input);
  const evaluation = await startEvaluation(store, {
    roundId: round.id,
    modelId,
    task: task.name,
    ...(questions.kind === "ready" ? { sampleSetId: questions.sampleSetId } : {}),
  });
  if (evaluation.state !== "open") return;
  const fail = (reason: string, detail: string) =>
    finishEvaluation(store, evaluation.id, { state: "failed", reason, detail });
  if (questions.kind !== "ready") {
    await fail(questions.reason, questions.detail);
    report({ kind: "failed", uid: contender.uid, reason: questions.reason, detail: questions.detail });
    return;
  }
  const done = (await readLosses(store, evaluation.id)).length;
  const problem = await measureBatches(context, {
    ...input,
    questions: questions.list,
    evaluationId: evaluation.id,
    done,
    child,
  });
  if (problem !== undefined) {
    await fail(problem.reason, problem.detail);
    report({ kind: "failed", uid: contender.uid, reason: problem.reason, detail: problem.detail });
    return;
  }
  await finishEvaluation(store, evaluation.id, { state: "scored" });
  const losses = await readLosses(store, evaluation.id);
  const lossMean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  report({ kind: "measured", uid: contender.uid, repo, task: task.name, lossMean });
}

type Questions =
  | { readonly kind: "ready"; readonly sampleSetId: number; readonly list: readonly Question[] }
  | { readonly kind: "invalid" | "failed"; readonly reason: string; readonly detail: string };

/** The round's stored questions for this model's tokenizer; the first model that has the tokenizer makes them. */
async function prepareQuestions(
  { store }: ValidatorContext,
  input: Omit<TaskInput, "texts"> & { readonly texts: readonly TaskText[] },
): Promise<Questions> {
  const { round, task, texts, child, contender, competition } = input;
  const tokenizer = await tokenizerDigest(contender.model.held.folder);
  const key = { roundId: round.id, task: task.name, tokenizer };
  const known = await findSampleSet(store, key);
  if (known !== undefined) {
    const samples = await readSamples(store, known.id);
    const list = samples.map(({ batch, question, reference }) => ({ batch, sample: question, reference }));
    return { kind: "ready", sampleSetId: known.id, list };
  }
  const method = methods[task.method.kind];
  assert(method !== undefined, `method ${task.method.kind} was checked when the validator started`);
  const encoded = await child.encode(method.items(texts), { now: epochOfRounds });
  if (encoded.kind !== "done") return encoded;
  const failed = encoded.results.find((result) => result.kind === "failed");
  if (failed !== undefined && failed.kind === "failed") return failed;
  const ids = encoded.results.map((result) => (result.kind === "ids" ? result.ids : []));
  const list = method.questions(texts, ids, competition.constraints);
  const samples = list.map(({ batch, sample, reference }) => ({ batch, question: sample, reference }));
  const set = await storeSamples(store, { ...key, samples });
  return { kind: "ready", sampleSetId: set.id, list };
}

/** What a chat template sees as the time: the same for every validator. */
const epochOfRounds = "2024-01-01T00:00:00";

/** Equal only for folders that tokenise alike: the digest of the files that decide about it. */
async function tokenizerDigest(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]) {
    const bytes = await readFile(join(folder, name)).catch(() => Buffer.alloc(0));
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

async function measureBatches(
  { store, report }: ValidatorContext,
  input: Omit<TaskInput, "texts"> & {
    readonly questions: readonly Question[];
    readonly evaluationId: number;
    readonly done: number;
  },
): Promise<{ readonly reason: string; readonly detail: string } | undefined> {
  const { questions, child, task, contender, done, evaluationId } = input;
  const method = methods[task.method.kind]!;
  const batches = Map.groupBy(questions, ({ batch }) => batch);
  const rest = questions.filter(({ batch }) => batch >= done);
  if (rest.length === 0) return undefined;
  const log = new LossLog(store, evaluationId, done);
  const answers = new Map<Question, Answer>();
  const started = performance.now();
  let tokens = 0;
  const take = (question: Question, answer: Answer) => {
    answers.set(question, answer);
    tokens += question.sample.kind === "loss" ? question.sample.ids.length : question.sample.prompt.length;
    const batch = batches.get(question.batch)!;
    if (!batch.every((member) => answers.has(member))) return;
    log.put(
      question.batch,
      method.loss(
        batch,
        batch.map((member) => answers.get(member)!),
      ),
    );
    const seconds = (performance.now() - started) / 1000;
    const finished = answers.size / rest.length;
    report({
      kind: "measuring",
      uid: contender.uid,
      repo: contender.model.repo,
      task: task.name,
      batch: question.batch + 1,
      batches: batches.size,
      tokensPerSecond: tokens / seconds,
      secondsLeft: (seconds / finished) * (1 - finished),
    });
  };
  try {
    for (const kind of ["loss", "generation"] as const) {
      const asked = rest.filter(({ sample }) => sample.kind === kind);
      if (asked.length === 0) continue;
      const samples = asked.map(({ sample }) => sample);
      const onResult = (index: number, answer: Answer) => take(asked[index]!, answer);
      const outcome =
        kind === "loss"
          ? await child.score(samples as LossSample[], { onResult })
          : await child.generate(samples as GenerationSample[], { onResult });
      if (outcome.kind !== "done") return outcome;
    }
    return undefined;
  } finally {
    await log.close();
  }
}
