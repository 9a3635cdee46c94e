/**
 * From shares to what the chain stores of them. The chain keeps a row of u16 whose largest is 65535 (max-upscaling), so
 * the row is made in that form here: what is submitted is what will be read back.
 */
import { assert } from "../base/assert.ts";
import type { Uid } from "../subnet.ts";

export const u16Max = 65_535;

export interface WeightRules {
  /** The subnet wants at least this many entries (fewer neurons: that many); zeros count. */
  readonly minAllowedWeights: number;
  /** The largest share that one weight may have, as u16; 65535 is no limit. */
  readonly maxWeightsLimit: number;
  readonly neurons: number;
  /** The neuron that sets the weights. Its weight to itself is void in the consensus unless it is the owner's. */
  readonly own?: { readonly uid: Uid; readonly isOwner: boolean };
}

/** A row as the chain stores it, and what was left out of it. */
export interface WeightRow {
  readonly uids: readonly Uid[];
  readonly values: readonly number[];
  /** Neurons whose share is too small to be one 65535th of the largest. */
  readonly dust: readonly Uid[];
  readonly droppedOwn: boolean;
}

/**
 * @param uids distinct, any order
 * @param weights finite, not negative, in any unit: only their proportions matter
 * @returns entries by increasing uid; empty when no weight is above zero
 */
export function weightRow(uids: readonly Uid[], weights: readonly number[], rules: WeightRules): WeightRow {
  assert(uids.length === weights.length, "one weight for every uid");
  assert(new Set(uids).size === uids.length, "uids are distinct");
  assert(
    weights.every((weight) => Number.isFinite(weight) && weight >= 0),
    "weights are finite and not negative",
  );
  const { own } = rules;
  const positive = uids.flatMap((uid, index) => (weights[index]! > 0 ? [{ uid, share: weights[index]! }] : []));
  const others = positive.filter(({ uid }) => uid !== own?.uid);
  // A row with nothing but oneself is how a validator without others to rate stays active: the runtime exempts it.
  const droppedOwn = own !== undefined && !own.isOwner && others.length > 0 && others.length < positive.length;
  const kept = droppedOwn ? others : positive;
  const capped = capShares(
    kept.map(({ share }) => share),
    rules.maxWeightsLimit / u16Max,
  );
  const values = upscale(capped);
  const entries = kept.map(({ uid }, index) => ({ uid, value: values[index]! }));
  const stored = entries.filter(({ value }) => value > 0);
  const padded = pad(stored, rules, own?.uid).sort((a, b) => a.uid - b.uid);
  return {
    uids: padded.map(({ uid }) => uid),
    values: padded.map(({ value }) => value),
    dust: entries.filter(({ value }) => value === 0).map(({ uid }) => uid),
    droppedOwn,
  };
}

/** round(v · 65535 / max), the chain's own form of a row. Zeros stay zeros. */
export function upscale(values: readonly number[]): number[] {
  const largest = Math.max(0, ...values);
  return values.map((value) => (largest === 0 ? 0 : Math.round((value * u16Max) / largest)));
}

/**
 * Proportions of which none is above `limit`: what is cut from the largest goes to the others by their proportions.
 * When even equal shares exceed the limit they are returned as they are: the runtime will say MaxWeightExceeded.
 *
 * @param shares all above zero
 */
export function capShares(shares: readonly number[], limit: number): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const normal = shares.map((share) => share / total);
  if (limit >= 1 || limit * shares.length < 1) return normal;
  // A little under the limit, so that rounding to u16 does not carry a share over it.
  const cap = Math.max(1 / shares.length, limit * (1 - 1 / u16Max));
  const order = [...normal.keys()].sort((a, b) => normal[b]! - normal[a]!);
  let count = 0;
  let rest = 1;
  let room = 1;
  while (count < order.length && (normal[order[count]!]! / rest) * room > cap) {
    rest -= normal[order[count]!]!;
    room -= cap;
    count += 1;
  }
  const atCap = new Set(order.slice(0, count));
  const scale = rest > 0 ? room / rest : 0;
  return normal.map((share, index) => (atCap.has(index) ? cap : share * scale));
}

/** Entries of weight zero for the subnet's minimum: they count for its length and change no proportion. */
function pad(
  entries: readonly { readonly uid: Uid; readonly value: number }[],
  { minAllowedWeights, neurons }: WeightRules,
  own: Uid | undefined,
): { uid: Uid; value: number }[] {
  const wanted = Math.min(minAllowedWeights, neurons);
  const isSelf = entries.length === 1 && entries[0]!.uid === own;
  if (entries.length === 0 || entries.length >= wanted || isSelf) return [...entries];
  const present = new Set(entries.map(({ uid }) => uid));
  const absent = Array.from({ length: neurons }, (_, uid) => uid).filter((uid) => !present.has(uid));
  return [...entries, ...absent.slice(0, wanted - entries.length).map((uid) => ({ uid, value: 0 }))];
}
