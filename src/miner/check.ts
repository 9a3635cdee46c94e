/**
 * Is a model worth publishing? Measures it and its rivals on a fresh draw as validators do, and compares them as a round
 * would: the earlier model's loss counts (1 − ε) times, so a later one must be better by more than ε.
 */
import { isInvalid } from "../base/invalid.ts";
import type { Competition, Epsilon, Task } from "../competition/competition.ts";
import { type Comparison, compareModels } from "../competition/confidence.ts";
import { checkConstraints } from "../competition/constraints.ts";
import { epsilonAt } from "../competition/epsilon.ts";
import { scoreModel, type TaskResult, weighTasks } from "../competition/score.ts";
import { type ModelChild, startModelChild } from "../eval/child.ts";
import { methods } from "../eval/tasks/methods.ts";
import type { Question, TaskMethod, TaskText } from "../eval/tasks/task.ts";
import { endIds } from "../model/end-ids.ts";
import { readJson } from "../model/files.ts";
import { openFolder } from "../model/folder.ts";
import { groupProjections } from "../model/projections.ts";
import type { Block } from "../subnet.ts";

export interface Problem {
  readonly reason: string;
  readonly detail: string;
}

/** A model that is committed already. */
export interface Rival {
  readonly name: string;
  readonly folder: string;
  readonly block: Block;
}

export interface CheckOptions {
  readonly folder: string;
  readonly repositoryBytes: number;
  readonly competition: Competition;
  /** Now: from here on ε decays. */
  readonly block: Block;
  readonly rivals: readonly Rival[];
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
  readonly seed: bigint;
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onModel: (name: string) => void;
}

export interface Measured {
  /** The competition's score: lower is better. */
  readonly score: number;
  /** Loss of every batch, weighted so that their mean is the score before normalisation. */
  readonly losses: readonly number[];
}

export interface RivalReport {
  readonly name: string;
  readonly block: Block;
  readonly score: number;
  /** ε of the rival at this block. */
  readonly epsilon: number;
  /** The score that must be undercut now. */
  readonly threshold: number;
  /** By the bootstrap over batches, against the rival's discounted losses; null without common batches. */
  readonly comparison: Comparison | null;
  readonly wins: boolean;
  /** By how much of itself our score must become lower; 0 when it wins already. */
  readonly improvementNeeded: number;
  /** From this block on ε has decayed enough; null: never. */
  readonly winsFromBlock: Block | null;
}

export interface CheckReport {
  readonly verdict: "publish" | "not-yet";
  /** Why validators would refuse it, or could not measure it. */
  readonly problems: readonly Problem[];
  readonly score: number | null;
  readonly rivals: readonly RivalReport[];
  /** Rivals that could not be measured: they are no obstacle, as in a round. */
  readonly failedRivals: readonly (Problem & { readonly name: string })[];
}

/** The part of resamples in which a model must win before it is called worth publishing. */
export const probabilityMin = 0.95;

export async function checkModel(options: CheckOptions): Promise<CheckReport> {
  const { folder, rivals, onModel } = options;
  onModel("yours");
  const own = await inChild(options, folder, async (child) => {
    const problem = await findProblem(options, child);
    return problem ?? (await measure(options, folder, child));
  });
  if ("reason" in own) return { verdict: "not-yet", problems: [own], score: null, rivals: [], failedRivals: [] };
  const reports: RivalReport[] = [];
  const failedRivals: (Problem & { name: string })[] = [];
  for (const rival of rivals) {
    onModel(rival.name);
    const theirs = await inChild(options, rival.folder, (child) => measure(options, rival.folder, child));
    if ("reason" in theirs) failedRivals.push({ name: rival.name, ...theirs });
    else reports.push(compare(options, own, rival, theirs));
  }
  const beatsAll = reports.every(
    ({ wins, comparison }) => wins && (comparison === null || comparison.probabilityBetter >= probabilityMin),
  );
  return {
    verdict: beatsAll && Number.isFinite(own.score) ? "publish" : "not-yet",
    problems: [],
    score: own.score,
    rivals: reports,
    failedRivals,
  };
}

async function inChild<T>(
  { tokenizerFolder, threads, signal }: CheckOptions,
  folder: string,
  work: (child: ModelChild) => Promise<T>,
): Promise<T> {
  const child = startModelChild({
    folder,
    signal,
    ...(threads === undefined ? {} : { threads }),
    ...(tokenizerFolder === undefined ? {} : { tokenizerFolder }),
  });
  try {
    return await work(child);
  } finally {
    await child.close();
  }
}

/** The first reason for which validators would refuse the model. */
async function findProblem(options: CheckOptions, child: ModelChild): Promise<Problem | undefined> {
  const { competition, repositoryBytes } = options;
  const { repositoryBytesMax } = competition.constraints;
  if (repositoryBytes > repositoryBytesMax)
    return { reason: "repository-too-large", detail: `${repositoryBytes} bytes, at most ${repositoryBytesMax}` };
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

async function measure(options: CheckOptions, folder: string, child: ModelChild): Promise<Measured | Problem> {
  const { competition, texts } = options;
  const tasks = weighTasks(competition, new Set(texts.keys()));
  const results: Record<string, TaskResult> = {};
  const byTask: { weight: number; losses: number[] }[] = [];
  for (const task of tasks) {
    const losses = await measureTask(options, { task, texts: texts.get(task.name)!, folder, child });
    if ("reason" in losses) return losses;
    results[task.name] = { kind: "losses", losses };
    byTask.push({ weight: task.weight, losses });
  }
  const { score } = scoreModel(tasks, results, competition.rules.failedTask);
  const batches = byTask.reduce((sum, { losses }) => sum + losses.length, 0);
  const weighted = byTask.flatMap(({ weight, losses }) =>
    losses.map((loss) => (loss * weight * batches) / losses.length),
  );
  return { score, losses: weighted };
}

async function measureTask(
  { competition, ask, tokenizerFolder }: CheckOptions,
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
    if (result.kind === "failed") return result;
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

function compare(
  { competition, block, seed }: CheckOptions,
  own: Measured,
  rival: Rival,
  theirs: Measured,
): RivalReport {
  const epsilon = epsilonAt(competition.epsilon, block, rival.block);
  const threshold = theirs.score * (1 - epsilon);
  const discounted = theirs.losses.map((loss) => loss * (1 - epsilon));
  return {
    name: rival.name,
    block: rival.block,
    score: theirs.score,
    epsilon,
    threshold,
    comparison: compareModels(own.losses, discounted, { seed }),
    wins: own.score < threshold,
    improvementNeeded: Math.max(0, 1 - threshold / own.score),
    winsFromBlock: winningBlock(competition.epsilon, {
      block,
      ownScore: own.score,
      rivalScore: theirs.score,
      rivalBlock: rival.block,
    }),
  };
}

/** The first block from which a later model wins although it does not become better; null: never. */
export function winningBlock(
  epsilon: Epsilon,
  match: {
    readonly block: Block;
    readonly ownScore: number;
    readonly rivalScore: number;
    readonly rivalBlock: Block;
  },
): Block | null {
  const { block, ownScore, rivalScore, rivalBlock } = match;
  const winsAt = (at: Block) => ownScore < rivalScore * (1 - epsilonAt(epsilon, at, rivalBlock));
  if (winsAt(block)) return block;
  if (epsilon.kind === "fixed") return null;
  let [no, yes] = [block, Math.max(block, rivalBlock + epsilon.decayBlocks)];
  if (!winsAt(yes)) return null;
  // ε only falls, so the first winning block is found by halving.
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (winsAt(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}
