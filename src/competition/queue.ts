/**
 * Which miners are looked at, and which models wait for the next round. A validator goes round all uids in order, and now
 * and then forces in whoever other validators pay.
 */
import type { Block, Uid } from "../subnet.ts";
import type { Competition } from "./competition.ts";
import { shouldRetry } from "./retry.ts";
import { lastEvaluatedBlock, type TrackedMiner } from "./tracker.ts";

/** A miner as the queue sees it. */
export interface QueueMiner {
  readonly uid: Uid;
  /** The competition that its newest commitment names; null without a readable commitment. */
  readonly committedCompetitionId: number | null;
  /** Null when nothing is remembered of it. */
  readonly tracked: TrackedMiner | null;
}

/** The state that a decision depends on. */
export interface QueueState {
  readonly block: Block;
  /** The competitions that run at this block. */
  readonly active: readonly Pick<Competition, "id" | "epsilon">[];
  /** By competition, the uids that contend in the next round anyway, or wait to. */
  readonly evaluating: ReadonlyMap<number, ReadonlySet<Uid>>;
  readonly pending: ReadonlyMap<number, ReadonlySet<Uid>>;
}

export type QueueDecision =
  | { readonly kind: "skip"; readonly reason: "competition-inactive" | "already-queued" | "evaluated-recently" }
  /** Look at the miner's commitment; `force`: evaluate its model even though it is unchanged. */
  | { readonly kind: "check"; readonly force: boolean };

/** One miner's turn in the regular pass. */
export function decidePass(miner: QueueMiner, state: QueueState): QueueDecision {
  const { committedCompetitionId: id, tracked } = miner;
  // Without a readable commitment the check records the miner's fault.
  if (id === null) return { kind: "check", force: false };
  const competition = state.active.find((active) => active.id === id);
  if (competition === undefined) return { kind: "skip", reason: "competition-inactive" };
  const isKnown = tracked !== null && tracked.model !== null;
  if (!isKnown || isQueued(miner.uid, id, state)) return { kind: "check", force: false };
  return { kind: "check", force: shouldRetry(tracked.results.get(id) ?? [], competition.epsilon, state.block) };
}

/** The turn of a miner whom another validator pays: always forced, unless it was evaluated within `forcedRetryBlocks`. */
export function decideTopMiner(miner: QueueMiner, state: QueueState, forcedRetryBlocks: number): QueueDecision {
  const { committedCompetitionId: id, tracked } = miner;
  if (state.active.some((active) => isQueued(miner.uid, active.id, state)))
    return { kind: "skip", reason: "already-queued" };
  const evaluated = tracked === null ? null : lastEvaluatedBlock(tracked);
  if (evaluated !== null && state.block - evaluated < forcedRetryBlocks)
    return { kind: "skip", reason: "evaluated-recently" };
  if (id !== null && !state.active.some((active) => active.id === id))
    return { kind: "skip", reason: "competition-inactive" };
  return { kind: "check", force: true };
}

/** The most models that may be in hand when `configured` competitions are: the public subnet's rule. */
export function modelsInHandMax(configured: number): number {
  return 3 * configured + 7;
}

/**
 * Who contends again in the next round: the best by 1 + average weight where that counts, else by win rate. Equal ones are
 * taken in the order given.
 */
export function keepBest(
  models: readonly { readonly uid: Uid; readonly averageWeight: number; readonly winRate: number }[],
  keptModels: number,
): Uid[] {
  const priority = ({ averageWeight, winRate }: (typeof models)[number]) =>
    averageWeight >= averageWeightMin ? 1 + averageWeight : winRate;
  return models
    .toSorted((a, b) => priority(b) - priority(a))
    .slice(0, keptModels)
    .map(({ uid }) => uid);
}

/** An average below this is no longer a reason to keep a model. */
const averageWeightMin = 0.001;

function isQueued(uid: Uid, competitionId: number, { evaluating, pending }: QueueState): boolean {
  return [evaluating, pending].some((queue) => queue.get(competitionId)?.has(uid) ?? false);
}
