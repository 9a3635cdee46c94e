/** Re-scoring: what the stored losses give under the stored rules and under others, side by side. */

import type { Store } from "../store/store.ts";
import type { Block, Hotkey, Uid } from "../subnet.ts";
import { type Difference, differencesOf } from "./differences.ts";
import { type Judged, type ReplayCount, type ReplayedRound, replay, type Selection, type Variant } from "./replay.ts";
import { asStored } from "./variant.ts";

/** A neuron under one variant, over all rounds that were replayed. */
export interface Earnings {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  /** Its subnet weight after the last round, a part of 1. */
  readonly weight: number;
  /** Its mean subnet weight over the rounds: what it would have been paid, as a part of all. */
  readonly earned: number;
  /** Rounds that it won (rank 1 with a weight). */
  readonly roundsWon: number;
}

/** One uid in one round under one variant. */
export interface RoundEntry {
  readonly variant: string;
  readonly competitionId: number;
  readonly syncBlock: Block;
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  readonly rank: number | null;
  readonly score: number | null;
  readonly winRate: number | null;
  readonly roundWeight: number | null;
  readonly average: number | null;
  readonly subnetWeight: number;
}

export interface VariantResult {
  readonly name: string;
  /** By weight, then by what was earned. */
  readonly earnings: readonly Earnings[];
}

export interface Rescored {
  readonly count: ReplayCount;
  /** Of the rules as stored; empty when the replay gives the file's own numbers bit for bit. */
  readonly differences: readonly Difference[];
  /** The first is `as stored`. */
  readonly variants: readonly VariantResult[];
}

/**
 * Replays a selection as stored, compared with the file, and under each variant.
 * @param onEntry is given every row of every round, for tables of all rounds
 */
export async function rescore(
  store: Store,
  options: { readonly variants: readonly Variant[]; readonly selection?: Selection; readonly signal?: AbortSignal },
  onEntry?: (entry: RoundEntry) => Promise<void>,
): Promise<Rescored> {
  const variants = [asStored, ...options.variants];
  const differences: Difference[] = [];
  const tallies = variants.map(() => new Map<string, Tally>());
  const count = await replay(store, { ...options, variants }, async (replayed, snapshot) => {
    differences.push(...(await differencesOf(snapshot, replayed)));
    for (const [index, judged] of replayed.judged.entries()) {
      tally(tallies[index]!, judged);
      if (onEntry !== undefined) for (const entry of entriesOf(replayed, judged)) await onEntry(entry);
    }
  });
  return {
    count,
    differences,
    variants: variants.map(({ name }, index) => ({ name, earnings: earningsOf(tallies[index]!, count.rounds) })),
  };
}

interface Tally {
  readonly uid: Uid;
  readonly hotkey: Hotkey;
  weight: number;
  total: number;
  roundsWon: number;
}

function tally(tallies: Map<string, Tally>, { verdict, subnetWeights }: Judged): void {
  for (const entry of tallies.values()) entry.weight = 0;
  for (const { uid, hotkey, weight } of subnetWeights) {
    const entry = entryOf(tallies, uid, hotkey);
    entry.weight = weight;
    entry.total += weight;
  }
  for (const { uid, hotkey, rank, weight } of verdict?.standings ?? []) {
    const entry = entryOf(tallies, uid, hotkey);
    if (rank === 1 && weight > 0) entry.roundsWon += 1;
  }
}

/** A uid that changed hands is two earners. */
function entryOf(tallies: Map<string, Tally>, uid: Uid, hotkey: Hotkey): Tally {
  const key = `${uid} ${hotkey}`;
  const known = tallies.get(key) ?? { uid, hotkey, weight: 0, total: 0, roundsWon: 0 };
  tallies.set(key, known);
  return known;
}

function earningsOf(tallies: Map<string, Tally>, rounds: number): Earnings[] {
  return [...tallies.values()]
    .map(({ uid, hotkey, weight, total, roundsWon }) => ({ uid, hotkey, weight, earned: total / rounds, roundsWon }))
    .sort((a, b) => b.weight - a.weight || b.earned - a.earned || a.uid - b.uid);
}

function* entriesOf({ round }: ReplayedRound, judged: Judged): Generator<RoundEntry> {
  const standings = new Map(judged.verdict?.standings.map((standing) => [standing.uid, standing]));
  const averages = new Map(judged.averages?.map((share) => [share.uid, share]));
  const weights = new Map(judged.subnetWeights.map((share) => [share.uid, share]));
  const uids = new Set([...standings.keys(), ...averages.keys(), ...weights.keys()]);
  for (const uid of [...uids].sort((a, b) => a - b)) {
    const standing = standings.get(uid);
    yield {
      variant: judged.variant.name,
      competitionId: round.competition_id,
      syncBlock: round.sync_block,
      uid,
      hotkey: (standing ?? averages.get(uid) ?? weights.get(uid))!.hotkey,
      rank: standing?.rank ?? null,
      score: standing?.score ?? null,
      winRate: standing?.winRate ?? null,
      roundWeight: standing?.weight ?? null,
      average: averages.get(uid)?.weight ?? null,
      subnetWeight: weights.get(uid)?.weight ?? 0,
    };
  }
}
