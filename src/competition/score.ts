/** One number for a model: its tasks' losses, each brought onto a scale and weighted. */
import type { Competition, MethodKind, Rules, Task } from "./competition.ts";
import { normalizeScore } from "./normalization.ts";

/** What a task said of a model: a loss per sample (lower is better), or why there is none. */
export type TaskResult =
  | { readonly kind: "losses"; readonly losses: ArrayLike<number> }
  | { readonly kind: "failure"; readonly reason: string };

export interface TaskScore {
  readonly task: string;
  /** The mean over the samples; Infinity for a failure. */
  readonly raw: number;
  readonly normalized: number;
  /** `normalized` times the task's weight among the loaded tasks. */
  readonly weighted: number;
}

/**
 * The worst that a method can say, which a failure costs: error rates end at 1, losses have no end. An infinite score is
 * then normalised, so that a task with a ceiling costs 1.
 */
const worstScore: Readonly<Record<MethodKind, number>> = {
  "text-loss": Number.POSITIVE_INFINITY,
  "reference-loss": Number.POSITIVE_INFINITY,
  "response-loss": Number.POSITIVE_INFINITY,
  "multiple-choice": 1,
  "instruction-following": 1,
};

/** The loaded tasks in the competition's order, with weights that sum to 1 again. Empty when nothing was loaded. */
export function weighTasks(competition: Competition, loadedTasks: ReadonlySet<string>): readonly Task[] {
  const loaded = competition.tasks.filter((task) => loadedTasks.has(task.name));
  let sum = 0;
  for (const task of loaded) sum += task.weight;
  return loaded.map((task) => ({ ...task, weight: task.weight / sum }));
}

/**
 * Scores one model. Sums run in the order of `tasks` and of the samples, so that a replay gives the same bits.
 * @param tasks of `weighTasks`
 * @param results by task name; a missing one is a failure
 */
export function scoreModel(
  tasks: readonly Task[],
  results: Readonly<Record<string, TaskResult>>,
  failedTask: Rules["failedTask"],
): { readonly score: number; readonly tasks: readonly TaskScore[] } {
  let score = 0;
  const parts = tasks.map((task) => {
    const raw = rawScore(results[task.name], failedTask === "worst" ? worstScore[task.method.kind] : Infinity);
    const normalized = normalizeScore(raw, task.normalization);
    const weighted = normalized * task.weight;
    score += weighted;
    return { task: task.name, raw, normalized, weighted };
  });
  return { score: tasks.length === 0 ? Number.POSITIVE_INFINITY : score, tasks: parts };
}

function rawScore(result: TaskResult | undefined, failed: number): number {
  if (result === undefined || result.kind === "failure" || result.losses.length === 0) return failed;
  let sum = 0;
  for (let sample = 0; sample < result.losses.length; sample++) sum += result.losses[sample]!;
  const mean = sum / result.losses.length;
  // A sample without a number is a failed sample; one such makes the mean meaningless.
  return Number.isFinite(mean) ? mean : failed;
}
