/** Measures a model as validators do: every constraint they apply, and its losses on the texts of a competition's tasks. */

import { isInvalid } from "../base/invalid.ts";
import type { Competition, Task } from "../competition/competition.ts";
import { checkConstraints } from "../competition/constraints.ts";
import { scoreModel, type TaskResult, weighTasks } from "../competition/score.ts";
import { type ModelChild, startModelChild } from "../eval/child.ts";
import { methods } from "../eval/tasks/methods.ts";
import type { Question, TaskMethod, TaskText } from "../eval/tasks/task.ts";
import { endIds } from "../model/end-ids.ts";
import { readJson } from "../model/files.ts";
import { openFolder } from "../model/folder.ts";
import { groupProjections } from "../model/projections.ts";
import type { Links } from "../model/untrusted-file.ts";

export interface Problem {
  /** `failed`: this machine's limits, not the model, may be to blame. */
  readonly kind?: "invalid" | "failed";
  readonly reason: string;
  readonly detail: string;
}

export interface MeasureOptions {
  readonly competition: Competition;
  /** The tasks' texts; a task that could not be drawn is missing. */
  readonly texts: ReadonlyMap<string, readonly TaskText[]>;
  /** The competition's own tokenizer; absent: each model's. */
  readonly tokenizerFolder?: string;
  /** Asks a child the questions batch by batch, as the validator does. */
  readonly ask: (input: {
    readonly child: ModelChild;
    readonly method: TaskMethod;
    readonly questions: readonly Question[];
    readonly firstBatch: number;
    readonly onBatch: (batch: number) => void;
    readonly store: (firstBatch: number, losses: readonly number[]) => Promise<void>;
  }) => Promise<Problem | undefined>;
  readonly threads?: number;
  readonly signal: AbortSignal;
}

export interface Measured {
  /** The competition's score: lower is better. */
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
    return { reason: "repository-too-large", detail: `${model.repositoryBytes} bytes, at most ${repositoryBytesMax}` };
  const child = startModelChild({
    folder: model.folder,
    links: model.links ?? "refuse",
    signal,
    ...(threads === undefined ? {} : { threads }),
    ...(tokenizerFolder === undefined ? {} : { tokenizerFolder }),
  });
  try {
    return (await findProblem(competition, child)) ?? (await measure(options, model.folder, child));
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
  const [notFinite] = Object.entries(scan.nonFinite);
  if (notFinite !== undefined)
    return { reason: "parameters-not-finite", detail: `${notFinite[1]} numbers of ${notFinite[0]} are not finite` };
  const projections = groupProjections(scan.norms);
  return checkConstraints({ ...description, projections }, competition.constraints) ?? undefined;
}

async function measure(options: MeasureOptions, folder: string, child: ModelChild): Promise<Measured | Problem> {
  const tasks = drawnTasks(options);
  const perTask: Record<string, TaskResult> = {};
  for (const task of tasks) {
    const losses = await measureTask(options, { task, texts: options.texts.get(task.name)!, folder, child });
    if ("reason" in losses) return losses;
    perTask[task.name] = { kind: "losses", losses };
  }
  return { score: scoreModel(tasks, perTask, options.competition.rules.failedTask).score, perTask };
}

async function measureTask(
  { competition, ask, tokenizerFolder }: MeasureOptions,
  given: {
    readonly task: Task;
    readonly texts: readonly TaskText[];
    readonly folder: string;
    readonly child: ModelChild;
  },
): Promise<number[] | Problem> {
  const { task, texts, folder, child } = given;
  const method = methods[task.method.kind]!;
  const encoded = await child.encode(method.items(texts), { now: timeInTemplates });
  if (encoded.kind !== "done") return encoded;
  const ids: (readonly number[])[] = [];
  for (const result of encoded.results) {
    if (result.kind === "failed") return { reason: result.reason, detail: result.detail };
    ids.push(result.ids);
  }
  const { kind: _, ...parameters } = task.method;
  const { sequenceLengthMax } = competition.constraints;
  const limits = { ...parameters, sequenceLengthMax, endIds: await endIdsOf(tokenizerFolder ?? folder) };
  const losses: number[] = [];
  const store = async (_: number, ofGroup: readonly number[]) => void losses.push(...ofGroup);
  const questions = method.questions(texts, ids, limits);
  return (await ask({ child, method, questions, firstBatch: 0, onBatch: () => {}, store })) ?? losses;
}

/** The validators' choice: any fixed time would do, but it must be theirs. */
const timeInTemplates = "2024-01-01T00:00:00";

async function endIdsOf(path: string): Promise<readonly number[]> {
  const folder = await openFolder(path, "refuse");
  if (isInvalid(folder)) return [];
  for (const name of ["generation_config.json", "config.json"] as const) {
    const json = await readJson(folder, name);
    const ids = json === undefined || isInvalid(json) ? [] : endIds(json);
    if (ids.length > 0) return ids;
  }
  return [];
}
