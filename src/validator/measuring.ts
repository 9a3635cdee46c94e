/**
 * Measures the contenders, one model at a time, each in a child process. Losses are on disk before the next group of
 * questions is asked, and what is on disk is never computed again.
 */
import type { Competition, Task } from "../competition/competition.ts";
import { type BatchesOutcome, measureBatches } from "../eval/batches.ts";
import { type ModelChild, startModelChild } from "../eval/child.ts";
import { methods } from "../eval/tasks/methods.ts";
import type { Question, TaskText } from "../eval/tasks/task.ts";
import { finishEvaluation, startEvaluation } from "../store/evaluations.ts";
import { appendLosses, readLosses } from "../store/losses.ts";
import type { Row } from "../store/schema.ts";
import type { RoundContender } from "./admission.ts";
import type { ValidatorContext } from "./context.ts";
import { prepareQuestions } from "./questions.ts";

export interface MeasuringInput {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
  readonly contenders: readonly RoundContender[];
  /** By task. */
  readonly texts: ReadonlyMap<string, readonly TaskText[]>;
  /** The competition's own tokenizer; absent: each model's. */
  readonly tokenizerFolder: string | undefined;
}

export async function measureContenders(context: ValidatorContext, input: MeasuringInput): Promise<void> {
  for (const contender of input.contenders) {
    try {
      // A child can die of something that is not its model's fault (another program took the memory): it has a second life.
      const lost = await measureContender(context, { ...input, contender, isLastLife: false });
      if (lost) await measureContender(context, { ...input, contender, isLastLife: true });
    } finally {
      contender.model.held.release();
    }
  }
}

/** Measures all tasks in one child; true when the child died and the rest is to be measured in another. */
async function measureContender(
  context: ValidatorContext,
  input: MeasuringInput & { readonly contender: RoundContender; readonly isLastLife: boolean },
): Promise<boolean> {
  const { limits, signal, threads } = context;
  const { tokenizerFolder, contender } = input;
  const child = startModelChild({
    folder: contender.model.held.folder,
    limits,
    signal,
    ...(threads === undefined ? {} : { threads }),
    ...(tokenizerFolder === undefined ? {} : { tokenizerFolder }),
  });
  try {
    await reportOpened(context, { child, contender });
    for (const task of input.competition.tasks) {
      const texts = input.texts.get(task.name);
      if (texts !== undefined && (await measureTask(context, { ...input, child, task, texts })) === "child-lost")
        return true;
    }
    return false;
  } finally {
    await child.close();
  }
}

/** A child that cannot open its model says so again when it is asked to measure. */
async function reportOpened(
  { report }: ValidatorContext,
  { child, contender }: { readonly child: ModelChild; readonly contender: RoundContender },
): Promise<void> {
  const described = await child.describe();
  if (described.kind !== "done") return;
  const { mode, threads } = described.results[0]!;
  report({ kind: "opened", uid: contender.uid, repo: contender.model.repo, mode, threads });
}

/** Ends of a child that need not be its model's doing. */
const childLost: ReadonlySet<string> = new Set(["child-crashed", "not-started", "out-of-memory"]);

interface TaskInput extends Omit<MeasuringInput, "texts"> {
  readonly contender: RoundContender;
  readonly child: ModelChild;
  readonly task: Task;
  readonly texts: readonly TaskText[];
  /** A child that is lost fails its model. */
  readonly isLastLife: boolean;
}

async function measureTask(context: ValidatorContext, input: TaskInput): Promise<"done" | "child-lost"> {
  const { store, report, tokenCache } = context;
  const { round, contender, task, tokenizerFolder } = input;
  const { modelId, repo, held } = contender.model;
  const { folder } = held;
  const tokenizer = tokenizerFolder ?? folder;
  const questions = await prepareQuestions(store, { ...input, folder, tokenizerFolder: tokenizer, tokenCache });
  if (questions.kind !== "ready" && isLost(questions, input)) return "child-lost";
  const evaluation = await startEvaluation(store, {
    roundId: round.id,
    modelId,
    task: task.name,
    ...(questions.kind === "ready" ? { sampleSetId: questions.sampleSetId } : {}),
  });
  if (evaluation.state !== "open") return "done";
  const problem =
    questions.kind === "ready"
      ? await measureRest(context, { ...input, evaluation, questions: questions.list })
      : questions;
  if (problem !== undefined) {
    const { reason, detail } = problem;
    if (isLost(problem, input)) return "child-lost";
    await finishEvaluation(store, evaluation.id, { state: "failed", reason, detail });
    report({ kind: "failed", uid: contender.uid, reason, detail });
    return "done";
  }
  await finishEvaluation(store, evaluation.id, { state: "scored" });
  const losses = await readLosses(store, evaluation.id);
  const lossMean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  report({ kind: "measured", uid: contender.uid, repo, task: task.name, lossMean });
  return "done";
}

function isLost({ reason }: { readonly reason: string }, { isLastLife }: TaskInput): boolean {
  return !isLastLife && childLost.has(reason);
}

/** Measures the batches that have no loss yet. */
async function measureRest(
  { store, report }: ValidatorContext,
  input: TaskInput & { readonly evaluation: Row<"evaluations">; readonly questions: readonly Question[] },
): Promise<BatchesOutcome> {
  const { questions, child, task, contender, evaluation } = input;
  const firstBatch = (await readLosses(store, evaluation.id)).length;
  const batches = questions.reduce((count, { batch }) => Math.max(count, batch + 1), 0);
  const tokensOf = tokensByBatch(questions);
  const started = performance.now();
  let [done, tokens] = [0, 0];
  const onBatch = (batch: number) => {
    done += 1;
    tokens += tokensOf.get(batch)!;
    const seconds = (performance.now() - started) / 1000;
    report({
      kind: "measuring",
      uid: contender.uid,
      repo: contender.model.repo,
      task: task.name,
      batch: batch + 1,
      batches,
      tokensPerSecond: tokens / seconds,
      secondsLeft: (seconds / done) * (batches - firstBatch - done),
    });
  };
  return await measureBatches({
    child,
    method: methods[task.method.kind],
    questions,
    firstBatch,
    onBatch,
    store: (first, losses) => appendLosses(store, evaluation.id, first, losses),
  });
}

function tokensByBatch(questions: readonly Question[]): ReadonlyMap<number, number> {
  const tokens = new Map<number, number>();
  for (const { batch, sample } of questions) {
    const count = sample.kind === "loss" ? sample.ids.length : sample.prompt.length;
    tokens.set(batch, (tokens.get(batch) ?? 0) + count);
  }
  return tokens;
}
