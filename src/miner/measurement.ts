/** Measures a model as validators do: every constraint they apply, and its losses on the texts of a competition's tasks. */
import { invalid } from "../base/invalid.ts";
import type { Competition, Task } from "../competition/competition.ts";
import { checkConstraints, checkFinite } from "../competition/constraints.ts";
import { scoreModel, type TaskResult, weighTasks } from "../competition/score.ts";
import { measureBatches } from "../eval/batches.ts";
import { type ModelChild, startModelChild } from "../eval/child.ts";
import { encodeItems, makeQuestions } from "../eval/questions.ts";
import { methods } from "../eval/tasks/methods.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { groupProjections } from "../model/projections.ts";
import type { Links } from "../model/untrusted-file.ts";

/** Why a model has no score. */
export interface Problem {
  /** `failed`: this machine's limits, not the model, may be to blame. */
  readonly kind: "invalid" | "failed";
  readonly reason: string;
  readonly detail: string;
}

export interface MeasureOptions {
  readonly competition: Competition;
  /** The tasks' texts; a task that could not be drawn is missing. */
  readonly texts: ReadonlyMap<string, readonly TaskText[]>;
  /** The competition's own tokenizer; absent: each model's. */
  readonly tokenizerFolder?: string;
  readonly threads?: number;
  readonly signal: AbortSignal;
}

export interface Measured {
  readonly kind: "measured";
  /** The competition's score: lower is better, always finite. */
  readonly score: number;
  readonly perTask: Readonly<Record<string, TaskResult>>;
}

export interface LocalModel {
  /** What the person sees. */
  readonly name: string;
  readonly folder: string;
  /** Whether links of the folder may be followed; not when absent. */
  readonly links?: Links;
  /** Of everything that is or would be in its repository. */
  readonly repositoryBytes: number;
}

/** Measures each folder once, however often it is asked for: the same texts give the same losses. */
export function measureOnce(
  options: MeasureOptions & { readonly onModel: (name: string) => void },
): (model: LocalModel) => Promise<Measured | Problem> {
  const known = new Map<string, Promise<Measured | Problem>>();
  return (model) => {
    const found = known.get(model.folder);
    if (found !== undefined) return found;
    options.onModel(model.name);
    const measuring = measureModel(options, model);
    known.set(model.folder, measuring);
    return measuring;
  };
}

/** The tasks whose texts are there, with weights that sum to 1. */
export function drawnTasks({ competition, texts }: Pick<MeasureOptions, "competition" | "texts">): readonly Task[] {
  return weighTasks(competition, new Set(texts.keys()));
}

/** The losses of a model that may contend, or the first reason for which validators would not admit it. */
async function measureModel(options: MeasureOptions, model: LocalModel): Promise<Measured | Problem> {
  const { competition, tokenizerFolder, threads, signal } = options;
  const { repositoryBytesMax } = competition.constraints;
  if (model.repositoryBytes > repositoryBytesMax)
    return invalid(
      "repository-too-large",
      `The files have ${model.repositoryBytes} bytes; at most ${repositoryBytesMax} are allowed.`,
    );
  const child = startModelChild({
    folder: model.folder,
    links: model.links ?? "refuse",
    signal,
    ...(threads === undefined ? {} : { threads }),
    ...(tokenizerFolder === undefined ? {} : { tokenizerFolder }),
  });
  try {
    return (await findProblem(competition, child)) ?? (await measure(options, model, child));
  } finally {
    await child.close();
  }
}

async function findProblem(competition: Competition, child: ModelChild): Promise<Problem | undefined> {
  const described = await child.describe();
  if (described.kind !== "done") return described;
  const scanned = await child.scan();
  if (scanned.kind !== "done") return scanned;
  const [description, scan] = [described.results[0]!, scanned.results[0]!];
  const projections = groupProjections(scan.norms);
  return (
    checkFinite(Object.entries(scan.nonFinite)) ??
    checkConstraints({ ...description, projections }, competition.constraints) ??
    undefined
  );
}

async function measure(options: MeasureOptions, model: LocalModel, child: ModelChild): Promise<Measured | Problem> {
  const tasks = drawnTasks(options);
  const perTask: Record<string, TaskResult> = {};
  for (const task of tasks) {
    const losses = await measureTask(options, { task, model, child });
    if ("kind" in losses) return losses;
    perTask[task.name] = { kind: "losses", losses };
  }
  const scored = scoreModel(tasks, perTask, options.competition.rules.failedTask);
  if (Number.isFinite(scored.score)) return { kind: "measured", score: scored.score, perTask };
  const without = scored.tasks.filter(({ weighted }) => !Number.isFinite(weighted)).map(({ task }) => task);
  return invalid("no-score", `The loss of ${without.join(", ")} is not finite: it ranks last.`);
}

async function measureTask(
  { competition, texts, tokenizerFolder }: MeasureOptions,
  { task, model, child }: { readonly task: Task; readonly model: LocalModel; readonly child: ModelChild },
): Promise<number[] | Problem> {
  const questions = await makeQuestions({
    method: task.method,
    texts: texts.get(task.name)!,
    sequenceLengthMax: competition.constraints.sequenceLengthMax,
    folders: [...(tokenizerFolder === undefined ? [] : [tokenizerFolder]), model.folder],
    links: model.links ?? "refuse",
    encode: (items) => encodeItems(child, items),
  });
  if ("kind" in questions) return questions;
  const losses: number[] = [];
  const problem = await measureBatches({
    child,
    questions,
    method: methods[task.method.kind],
    firstBatch: 0,
    onBatch: () => {},
    store: async (_, ofGroup) => void losses.push(...ofGroup),
  });
  return problem ?? losses;
}
