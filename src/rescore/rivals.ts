/** The matches of one model in a round: every rival, every batch, whose losses were discounted and by how much. */
import type { Competition, Task } from "../competition/competition.ts";
import { type Comparison, compareModels } from "../competition/confidence.ts";
import { epsilonAt } from "../competition/epsilon.ts";
import type { RoundModel, RoundVerdict } from "../competition/round.ts";
import type { TaskResult } from "../competition/score.ts";
import { beats } from "../competition/wins.ts";
import type { StoredRoundInput } from "../store/round-input.ts";
import type { Block, Uid } from "../subnet.ts";

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

interface Field {
  readonly model: RoundModel;
  readonly verdict: RoundVerdict;
  readonly input: StoredRoundInput;
  readonly competition: Competition;
  /** Null: no confidence is asked for. */
  readonly seed: bigint | null;
}

/** Every rival that it met, the best first. */
export function rivalriesOf({ model, verdict, input, competition, seed }: Field): Rivalry[] {
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
