/**
 * From a weight back to the losses that it came from: what the chain weight is made of, which rivals the model met in its
 * last round, on which batches it won and lost under which ε, and what losses would have been enough.
 */
import type { Competition, Task } from "../competition/competition.ts";
import { type Comparison, compareModels } from "../competition/confidence.ts";
import { epsilonAt } from "../competition/epsilon.ts";
import { judgeRound, type RoundModel, type RoundVerdict, type Standing } from "../competition/round.ts";
import { competitionAt } from "../competition/schedule.ts";
import type { TaskResult } from "../competition/score.ts";
import { beats } from "../competition/wins.ts";
import { readContenders } from "../store/contenders.ts";
import { latestAverages, readStandings, readVector } from "../store/results.ts";
import { readRoundInput, type StoredRoundInput } from "../store/round-input.ts";
import { listRounds } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { readSubmissionWeights, submissionAfter } from "../store/submissions.ts";
import type { Block, Hotkey, Uid } from "../subnet.ts";
import { storedRules } from "./stored-rules.ts";

export interface Explanation {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly repo: string | null;
  readonly revision: string | null;
  readonly modelBlock: Block | null;
  readonly competition: { readonly id: number; readonly name: string; readonly emissionShare: number };
  readonly syncBlock: Block;
  /** Why it did not contend; null when it did. */
  readonly refusal: { readonly state: string; readonly reason: string; readonly detail: string } | null;
  readonly weight: WeightParts;
  /** Null when it did not contend, or when the round's losses are pruned. */
  readonly standing: Standing | null;
  /** Why tasks failed, by task. */
  readonly failures: Readonly<Record<string, string>>;
  readonly winner: Uid | null;
  readonly rivals: readonly Rivalry[];
  readonly needed: Needed | null;
}

/** What the weight on the chain is made of, from the submission down. */
export interface WeightParts {
  /** The u16 of the submission after the round, and what became of it. */
  readonly submitted: { readonly value: number; readonly block: Block; readonly state: string } | null;
  /** A part of the whole subnet's weights after the round. */
  readonly subnet: number;
  readonly average: number;
  /** Of all averages of the competition. */
  readonly averagePart: number;
  readonly threshold: number;
  readonly alpha: number;
  /** The average before the round; null when the competition had none. */
  readonly averageBefore: number | null;
  readonly round: number;
}

/** The model against one other, seen from the model. */
export interface Rivalry {
  readonly uid: Uid;
  readonly modelBlock: Block;
  readonly rank: number;
  readonly score: number;
  /** Whose losses were discounted, since it came first. */
  readonly earlier: "self" | "rival" | "neither";
  readonly epsilon: number;
  readonly won: number;
  readonly lost: number;
  readonly tasks: readonly TaskRivalry[];
  /** Whether the one that won would win again on other batches; only on request. */
  readonly confidence: Comparison | null;
}

export interface TaskRivalry {
  readonly task: string;
  /** Means over the batches, before any discount. */
  readonly own: number;
  readonly rival: number;
  readonly wonBatches: readonly number[];
  readonly lostBatches: readonly number[];
}

/** By how much all losses of the model would have had to be lower to make it first in the round. */
export interface Needed {
  /** 0.02: each loss 2 % lower. */
  readonly reduction: number;
  readonly score: number;
}

export interface ExplainOptions {
  readonly uid: Uid;
  /** The sync block of the round; default: the last in which the uid was looked at. */
  readonly block?: Block | undefined;
  readonly competitionId?: number | undefined;
  /** Resample the batches to say how sure each comparison is. */
  readonly withConfidence: boolean;
}

/** Explains a uid's last round, or undefined when it was never looked at. */
export async function explain(store: Store, options: ExplainOptions): Promise<Explanation | undefined> {
  return store.transaction(async (snapshot) => {
    const found = await findPart(snapshot, options);
    if (found === undefined) return undefined;
    const { round, contender } = found;
    const file = await storedRules(snapshot)(round.rule_set_digest);
    const competition = competitionAt(file, round.sync_block, round.competition_id)!;
    const input = await readRoundInput(snapshot, round, round.metagraph_block ?? round.sync_block);
    const previousAverages = await latestAverages(snapshot, competition.id, round.sync_block);
    const judge = (models: readonly RoundModel[]) => judgeRound({ ...input, models, competition, previousAverages });
    const verdict = round.pruned_at === null ? judge(input.models) : undefined;
    const standing = verdict?.standings.find(({ uid }) => uid === options.uid);
    const model = input.models.find(({ uid }) => uid === options.uid);
    const contends = contender.state === "contends";
    return {
      uid: contender.uid,
      hotkey: contender.hotkey,
      repo: contender.repo,
      revision: contender.revision,
      modelBlock: contender.block,
      competition: { id: competition.id, name: competition.name, emissionShare: competition.emissionShare },
      syncBlock: round.sync_block,
      refusal: contends
        ? null
        : { state: contender.state, reason: contender.reason ?? "unknown", detail: contender.detail ?? "" },
      weight: await weightParts(snapshot, { round, competition, previousAverages, uid: options.uid }),
      standing: standing ?? null,
      failures: model === undefined ? {} : failuresOf(model),
      winner: verdict?.standings.find(({ rank, weight }) => rank === 1 && weight > 0)?.uid ?? null,
      rivals:
        model === undefined || standing === undefined || verdict === undefined
          ? []
          : rivalriesOf({
              model,
              verdict,
              input,
              competition,
              seed: options.withConfidence ? BigInt(round.seed) : null,
            }),
      needed: standing === undefined || model === undefined ? null : neededToWin(input, model, judge),
    };
  });
}

async function findPart(store: Store, { uid, block, competitionId }: ExplainOptions) {
  const rounds = (
    await listRounds(store, { state: "finished", ...(competitionId === undefined ? {} : { competitionId }) })
  )
    .filter((round) => block === undefined || round.sync_block === block)
    .reverse();
  for (const round of rounds) {
    const contender = (await readContenders(store, round.id)).find((row) => row.uid === uid);
    if (contender !== undefined) return { round, contender };
  }
  return undefined;
}

interface Place {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
  readonly previousAverages: readonly { readonly uid: Uid; readonly weight: number }[] | null;
  readonly uid: Uid;
}

async function weightParts(store: Store, { round, competition, previousAverages, uid }: Place): Promise<WeightParts> {
  const of = (vector: readonly { readonly uid: Uid; readonly weight: number }[]) =>
    vector.find((entry) => entry.uid === uid)?.weight ?? 0;
  const averages = await readVector(store, "averages", round.id);
  const total = averages.reduce((sum, { weight }) => sum + weight, 0);
  const submission = await submissionAfter(store, round.id);
  const submitted =
    submission === undefined
      ? undefined
      : (await readSubmissionWeights(store, submission.id)).find((row) => row.uid === uid);
  return {
    submitted:
      submission === undefined
        ? null
        : { value: submitted?.value ?? 0, block: submission.block, state: submission.state },
    subnet: of(await readVector(store, "subnet_weights", round.id)),
    average: of(averages),
    averagePart: total === 0 ? 0 : of(averages) / total,
    threshold: competition.movingAverage.threshold,
    alpha: competition.movingAverage.alpha,
    averageBefore: previousAverages === null ? null : of(previousAverages),
    round: of(await readStandings(store, round.id)),
  };
}

function failuresOf(model: RoundModel): Record<string, string> {
  const failures: Record<string, string> = {};
  for (const [task, result] of Object.entries(model.perTask))
    if (result.kind === "failure") failures[task] = result.reason;
  return failures;
}

interface Field {
  readonly model: RoundModel;
  readonly verdict: RoundVerdict;
  readonly input: StoredRoundInput;
  readonly competition: Competition;
  /** Null: no confidence is asked for. */
  readonly seed: bigint | null;
}

/** Every rival that it met, the best first. */
function rivalriesOf({ model, verdict, input, competition, seed }: Field): Rivalry[] {
  const own = verdict.standings.find(({ uid }) => uid === model.uid)!;
  if (own.outcome === "duplicate") return [];
  const block = input.block;
  const tasks = competition.tasks.filter(({ name }) => input.loadedTasks.includes(name));
  return verdict.standings
    .filter(({ uid, outcome }) => uid !== model.uid && outcome !== "duplicate")
    .map((rival): Rivalry => {
      const other = input.models.find(({ uid }) => uid === rival.uid)!;
      const earlier =
        model.modelBlock === other.modelBlock ? "neither" : model.modelBlock < other.modelBlock ? "self" : "rival";
      const epsilon =
        earlier === "neither" ? 0 : epsilonAt(competition.epsilon, block, Math.min(model.modelBlock, other.modelBlock));
      const rules = { epsilon: competition.epsilon, block };
      const meet = (a: number, b: number) => ({
        won: beats({ loss: a, block: model.modelBlock }, { loss: b, block: other.modelBlock }, rules),
        lost: beats({ loss: b, block: other.modelBlock }, { loss: a, block: model.modelBlock }, rules),
      });
      const perTask = tasks.map((task) => meetTask(task, model, other, meet));
      const byScore = meet(own.score, rival.score);
      const perBatch = competition.winRate === "per-batch";
      return {
        uid: rival.uid,
        modelBlock: rival.modelBlock,
        rank: rival.rank,
        score: rival.score,
        earlier,
        epsilon,
        won: perBatch ? sum(perTask.map(({ wonBatches }) => wonBatches.length)) : Number(byScore.won),
        lost: perBatch ? sum(perTask.map(({ lostBatches }) => lostBatches.length)) : Number(byScore.lost),
        tasks: perTask,
        confidence: seed === null ? null : sureness({ model, other, tasks, earlier, epsilon, seed }),
      };
    });
}

function meetTask(
  { name }: Task,
  model: RoundModel,
  other: RoundModel,
  meet: (a: number, b: number) => { readonly won: boolean; readonly lost: boolean },
): TaskRivalry {
  const own = lossesOf(model.perTask[name]);
  const theirs = lossesOf(other.perTask[name]);
  const batches = Math.max(own.length, theirs.length);
  const [wonBatches, lostBatches]: [number[], number[]] = [[], []];
  for (let batch = 0; batch < batches; batch++) {
    // A failed model has no losses: it loses each batch.
    const { won, lost } = meet(own[batch] ?? Number.POSITIVE_INFINITY, theirs[batch] ?? Number.POSITIVE_INFINITY);
    if (won) wonBatches.push(batch);
    if (lost) lostBatches.push(batch);
  }
  return { task: name, own: mean(own), rival: mean(theirs), wonBatches, lostBatches };
}

interface Pair {
  readonly model: RoundModel;
  readonly other: RoundModel;
  readonly tasks: readonly Task[];
  readonly earlier: Rivalry["earlier"];
  readonly epsilon: number;
  readonly seed: bigint;
}

/** The bootstrap over all tasks' batches together, on losses discounted as in a match. */
function sureness({ model, other, tasks, earlier, epsilon, seed }: Pair): Comparison | null {
  const discounted = (of: RoundModel, isEarlier: boolean) =>
    tasks.flatMap(({ name }) =>
      [...lossesOf(of.perTask[name])].map((loss) => (isEarlier ? loss * (1 - epsilon) : loss)),
    );
  return compareModels(discounted(model, earlier === "self"), discounted(other, earlier === "rival"), { seed });
}

/** How precisely the needed reduction is found, as a part of the loss. */
const reductionStep = 1e-6;

/**
 * Finds by bisection on the rules themselves the least common reduction of all its losses that makes the model first.
 * Null when it is first, or when even losses of zero would not help (a failure, a duplicate).
 */
function neededToWin(
  input: StoredRoundInput,
  model: RoundModel,
  judge: (models: readonly RoundModel[]) => RoundVerdict,
): Needed | null {
  const attempt = (reduction: number) => {
    const changed = { ...model, perTask: reduced(model.perTask, reduction) };
    const verdict = judge(input.models.map((each) => (each.uid === model.uid ? changed : each)));
    return verdict.standings.find(({ uid }) => uid === model.uid)!;
  };
  const isFirst = ({ rank, weight }: Standing) => rank === 1 && weight > 0;
  if (isFirst(attempt(0)) || !isFirst(attempt(1))) return null;
  let [low, high] = [0, 1];
  while (high - low > reductionStep) {
    const middle = (low + high) / 2;
    if (isFirst(attempt(middle))) high = middle;
    else low = middle;
  }
  return { reduction: high, score: attempt(high).score };
}

function reduced(perTask: RoundModel["perTask"], reduction: number): RoundModel["perTask"] {
  const scale = (result: TaskResult): TaskResult =>
    result.kind === "failure"
      ? result
      : { kind: "losses", losses: Array.from(result.losses, (loss) => loss * (1 - reduction)) };
  return Object.fromEntries(Object.entries(perTask).map(([task, result]) => [task, scale(result)]));
}

function lossesOf(result: TaskResult | undefined): readonly number[] {
  return result?.kind === "losses" ? Array.from(result.losses) : [];
}

/** Infinity when there is nothing: a model without losses failed. */
function mean(losses: readonly number[]): number {
  return losses.length === 0 ? Number.POSITIVE_INFINITY : sum(losses) / losses.length;
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
