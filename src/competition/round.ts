/**
 * Judges one round from its losses alone: the validator calls this after an evaluation and the offline re-scorer on stored
 * losses, so both agree to the last bit. Sums run in a fixed order; nothing depends on the order of the models given.
 */
import { assert } from "../base/assert.ts";
import type { Block, Hotkey, Uid } from "../subnet.ts";
import type { Competition, Task } from "./competition.ts";
import { epsilonAt } from "./epsilon.ts";
import { dropReplaced, movingAverage, type Registered, type Share } from "./moving-average.ts";
import { normalize, softmaxWeights, winnerWeights } from "./round-weights.ts";
import { scoreModel, type TaskResult, type TaskScore, weighTasks } from "./score.ts";
import { countWins, winRateOf } from "./wins.ts";

export interface RoundModel {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  /** The commitment's block, which decides precedence. */
  readonly modelBlock: Block;
  /** A digest of the parameters alone; models that share it are one model under several hotkeys. */
  readonly parameterHash?: string | undefined;
  /** By task name. Tasks that were not loaded are ignored, loaded ones that are missing here count as failed. */
  readonly perTask: Readonly<Record<string, TaskResult>>;
}

export interface RoundInput {
  readonly competition: Competition;
  /** The round's sync block, which ε is taken at. */
  readonly block: Block;
  /** The names of the tasks whose samples were drawn; absent: all. The others' weights are shared out among these. */
  readonly loadedTasks?: readonly string[] | undefined;
  readonly models: readonly RoundModel[];
  /** The `averages` of this competition's last round, or null before its first. */
  readonly previousAverages: readonly Share[] | null;
  /** The subnet's neurons at the round, so that averages of the departed are dropped; absent: nobody has left. */
  readonly registered?: Registered | undefined;
}

export interface Standing {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly modelBlock: Block;
  /** `failed`: no finite score, or per batch not one finite loss. `duplicate`: the same parameters as the earlier model of `duplicateOf`; it meets nobody. */
  readonly outcome: "scored" | "failed" | "duplicate";
  readonly duplicateOf: Uid | null;
  /** Lower is better; Infinity for a failure. */
  readonly score: number;
  readonly tasks: readonly TaskScore[];
  /** The advantage of this model over later ones at this block. */
  readonly epsilon: number;
  readonly wins: number;
  readonly matches: number;
  /** Wins per match; over several tasks per batch, the tasks' rates weighted as in the score. */
  readonly winRate: number;
  /** This round's weight, a part of 1. */
  readonly weight: number;
  /** 1 is the best: by win rate, then the earlier block, then the lower uid; failures and duplicates come last. */
  readonly rank: number;
}

export interface RoundVerdict {
  /** `no-task`: nothing was loaded, so the round is to be retried; `nobody`: nobody contended. Averages are then unchanged. */
  readonly kind: "judged" | "no-task" | "nobody";
  /** By rank. */
  readonly standings: readonly Standing[];
  /** The round's weights by uid, zeros included. They sum to 1, or to 0 when nobody earned anything. */
  readonly roundWeights: readonly Share[];
  /** The competition's moving averages after the round, by uid. */
  readonly averages: readonly Share[] | null;
}

/** Judges a round. See the types for what goes in and comes out. */
export function judgeRound(input: RoundInput): RoundVerdict {
  const { competition } = input;
  const { replacedHotkey } = competition.rules;
  const tasks = weighTasks(competition, new Set(input.loadedTasks ?? competition.tasks.map(({ name }) => name)));
  const previous = withoutDeparted(input);
  if (tasks.length === 0) return { kind: "no-task", standings: [], roundWeights: [], averages: previous };
  if (input.models.length === 0) return { kind: "nobody", standings: [], roundWeights: [], averages: previous };

  const entries = measure(input, tasks);
  const weights = weighRound(entries, competition);
  const standings = entries
    .map((entry, index) => ({ ...entry, weight: weights[index]! }))
    .toSorted((a, b) => placeOf[a.outcome] - placeOf[b.outcome] || b.winRate - a.winRate || byPrecedence(a, b))
    .map((standing, index) => ({ ...standing, rank: index + 1 }));
  const roundWeights = standings
    .map(({ uid, hotkey, weight }) => ({ uid, hotkey, weight }))
    .toSorted((a, b) => a.uid - b.uid);
  const averages = movingAverage(previous, roundWeights, { alpha: competition.movingAverage.alpha, replacedHotkey });
  return { kind: "judged", standings, roundWeights, averages };
}

/** Scores and matches of every model, in order of precedence. */
function measure(
  { competition, block, models: given }: RoundInput,
  tasks: readonly Task[],
): Omit<Standing, "weight" | "rank">[] {
  assert(new Set(given.map(({ uid }) => uid)).size === given.length, "a round has one model per uid");
  const models = given.toSorted(byPrecedence);
  const scores = models.map((model) => scoreModel(tasks, model.perTask, competition.rules.failedTask));
  const originals = competition.rules.duplicates === "earliest" ? findOriginals(models) : new Map<Uid, Uid>();
  const contending = models.flatMap((model, index) =>
    originals.has(model.uid) ? [] : [{ model, index, score: scores[index]!.score }],
  );
  const played = playMatches(tasks, contending, competition, block);
  const playedBy = new Map(contending.map(({ index }, place) => [index, played[place]!]));
  return models.map((model, index) => {
    const { uid, hotkey, modelBlock } = model;
    const { score, tasks: parts } = scores[index]!;
    const duplicateOf = originals.get(uid) ?? null;
    const outcome =
      duplicateOf !== null ? "duplicate" : isScored(model, score, tasks, competition) ? "scored" : "failed";
    const epsilon = epsilonAt(competition.epsilon, block, modelBlock);
    const record = playedBy.get(index) ?? { wins: 0, matches: 0, winRate: 0 };
    return { uid, hotkey, modelBlock, outcome, duplicateOf, score, tasks: parts, epsilon, ...record };
  });
}

/** Per batch, a model with a failed batch still contends in the others. */
function isScored(model: RoundModel, score: number, tasks: readonly Task[], { winRate }: Competition): boolean {
  if (Number.isFinite(score)) return true;
  if (winRate === "per-score") return false;
  return tasks.some(({ name }) => Array.prototype.some.call(lossesOf(model.perTask[name]), Number.isFinite));
}

const placeOf: Readonly<Record<Standing["outcome"], number>> = { scored: 0, failed: 1, duplicate: 2 };

interface Precedence {
  readonly modelBlock: Block;
  readonly uid: Uid;
}

function byPrecedence(a: Precedence, b: Precedence): number {
  return a.modelBlock < b.modelBlock ? -1 : a.modelBlock > b.modelBlock ? 1 : a.uid - b.uid;
}

function withoutDeparted({ previousAverages, registered, competition }: RoundInput): readonly Share[] | null {
  if (previousAverages === null || registered === undefined) return previousAverages;
  return dropReplaced(previousAverages, registered, competition.rules.replacedHotkey);
}

/** Of models in order of precedence: which uid repeats the parameters of which earlier one. */
function findOriginals(models: readonly RoundModel[]): Map<Uid, Uid> {
  const first = new Map<string, Uid>();
  const originals = new Map<Uid, Uid>();
  for (const { uid, parameterHash } of models) {
    if (parameterHash === undefined) continue;
    const original = first.get(parameterHash);
    if (original === undefined) first.set(parameterHash, uid);
    else originals.set(uid, original);
  }
  return originals;
}

interface Played {
  readonly wins: number;
  readonly matches: number;
  readonly winRate: number;
}

/** Every pair's matches as the competition plays them. */
export function playMatches(
  tasks: readonly Task[],
  contenders: readonly { readonly model: Pick<RoundModel, "modelBlock" | "perTask">; readonly score: number }[],
  { winRate, epsilon }: Competition,
  block: Block,
): Played[] {
  if (winRate === "per-score") {
    const entered = contenders.map(({ model, score }) => ({ block: model.modelBlock, losses: [score] }));
    return countWins(entered, epsilon, block).map((record) => ({ ...record, winRate: winRateOf(record) }));
  }
  const played = contenders.map(() => ({ wins: 0, matches: 0, winRate: 0 }));
  for (const task of tasks) {
    const entered = contenders.map(({ model }) => ({
      block: model.modelBlock,
      losses: lossesOf(model.perTask[task.name]),
    }));
    const batches = entered.reduce((most, { losses }) => Math.max(most, losses.length), 0);
    // A failed model has no losses; it meets everyone all the same and loses each batch.
    const filled = entered.map(({ block, losses }) => ({
      block,
      losses: losses.length === 0 ? lost(batches) : losses,
    }));
    for (const [index, record] of countWins(filled, epsilon, block).entries()) {
      const total = played[index]!;
      total.wins += record.wins;
      total.matches += record.matches;
      total.winRate += winRateOf(record) * task.weight;
    }
  }
  return played;
}

function lossesOf(result: TaskResult | undefined): ArrayLike<number> {
  return result?.kind === "losses" ? result.losses : [];
}

function lost(batches: number): Float64Array {
  return new Float64Array(batches).fill(Number.POSITIVE_INFINITY);
}

/** The weights of a round, in the order of `entries`, which is that of precedence. */
function weighRound(
  entries: readonly { readonly outcome: Standing["outcome"]; readonly winRate: number }[],
  { roundWeights, rules }: Competition,
): number[] {
  const paid = entries.map(
    ({ outcome }) => outcome === "scored" || (outcome === "failed" && rules.failedModels === "weighted"),
  );
  const rates = entries.flatMap(({ winRate }, index) => (paid[index] ? [winRate] : []));
  const weights =
    roundWeights.kind === "softmax"
      ? softmaxWeights(rates, roundWeights.temperature)
      : normalize(rules.ties === "shared" ? winnerWeights(rates) : firstOf(winnerWeights(rates)));
  let next = 0;
  return paid.map((isPaid) => (isPaid ? weights[next++]! : 0));
}

/** Only the first of the winners. */
function firstOf(weights: readonly number[]): number[] {
  const first = weights.indexOf(1);
  return weights.map((_, index) => (index === first ? 1 : 0));
}
