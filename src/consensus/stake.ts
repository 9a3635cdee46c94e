/** Who may speak, and how loudly: activity, stake, permits. */
import type { Uid } from "../subnet.ts";
import type { EpochInput } from "./epoch-input.ts";
import { normalize } from "./fixed.ts";

export interface Standing {
  readonly active: readonly boolean[];
  /** Stake by uid, a proportion. */
  readonly stake: Float64Array;
  /** The permits that this epoch goes by: those of the epoch before, and the owner's. */
  readonly permits: readonly boolean[];
  /** The permits that the next epoch will go by. */
  readonly newPermits: readonly boolean[];
  /** Stake of those active with a permit, as a proportion of their sum. */
  readonly activeStake: Float64Array;
}

/** Reads the standing of every uid out of the state. Steps 1 to 3 of Yuma consensus. */
export function standingOf(input: EpochInput): Standing {
  const { neurons, parameters, owner } = input;
  const active = neurons.map(({ lastUpdateBlock }) => lastUpdateBlock + parameters.activityCutoffBlocks >= input.block);
  const stake = normalizedStake(input);
  const permits = neurons.map(({ validatorPermit }, uid) => validatorPermit || uid === owner);
  const activeStake = normalize(stake.map((value, uid) => (active[uid] && permits[uid] ? value : 0)));
  const newPermits = topNonZero(stake, parameters.validatorsMax);
  if (owner !== undefined && owner < neurons.length) newPermits[owner] = true;
  return { active, stake, permits, newPermits, activeStake };
}

/**
 * Stake as a proportion of the sum. The chain divides in I64F64 and then drops the lower half, which makes one floor of
 * the exact quotient. Stake below the threshold counts as none; the owner's counts always.
 */
function normalizedStake({ neurons, parameters, owner }: EpochInput): Float64Array {
  const counted = neurons.map(({ stake }, uid) =>
    uid !== owner && stake >> 64n < parameters.stakeThresholdRao ? 0n : stake,
  );
  const sum = counted.reduce((total, stake) => total + stake, 0n);
  return Float64Array.from(counted, (stake) => (sum === 0n ? 0 : Number((stake << 32n) / sum)));
}

/** The k greatest that are not zero; among equals the later uid, since the chain cuts from a stable ascending order. */
function topNonZero(stake: Float64Array, k: number): boolean[] {
  const chosen = Array.from(stake, (value) => value !== 0);
  if (stake.length < k) return chosen;
  const ascending: Uid[] = Array.from(stake.keys()).sort((a, b) => stake[a]! - stake[b]!);
  for (const uid of ascending.slice(0, stake.length - k)) chosen[uid] = false;
  return chosen;
}
