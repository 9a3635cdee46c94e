/** The stake-weighted median: the score that the majority of stake gives at least. */
import type { Fixed } from "./fixed.ts";

/** Scores and stakes of the same validators; stakes are positive and sum to `stakeSum`. */
export interface Ballot {
  readonly score: Float64Array;
  readonly stake: Float64Array;
  /** The stake that may stay below the median: the sum less kappa. */
  readonly minority: Fixed;
  readonly stakeSum: Fixed;
}

/**
 * The score v with stake(score < v) ≤ minority < stake(score ≤ v); at the ends the least or the greatest score.
 * Quickselect over stake: sums of integers do not depend on their order, so any pivot finds the chain's own answer.
 */
export function weightedMedian({ score, stake, minority, stakeSum }: Ballot): Fixed {
  if (score.length === 0) return 0;
  let candidates: Uint16Array = Uint16Array.from(score.keys());
  let below: Fixed = 0;
  let upTo: Fixed = stakeSum;
  for (;;) {
    const pivot = score[candidates[candidates.length >> 1]!]!;
    const { lower, upper, lowerStake, upperStake } = partition(candidates, score, stake, pivot);
    if (minority < below + lowerStake && lower.length > 0) {
      candidates = lower;
      upTo = below + lowerStake;
    } else if (upTo - upperStake <= minority && upper.length > 0) {
      candidates = upper;
      below = upTo - upperStake;
    } else return pivot;
  }
}

interface Partition {
  readonly lower: Uint16Array;
  readonly upper: Uint16Array;
  readonly lowerStake: Fixed;
  readonly upperStake: Fixed;
}

/** Splits the candidates around the pivot; those equal to it are in neither part. */
function partition(candidates: Uint16Array, score: Float64Array, stake: Float64Array, pivot: Fixed): Partition {
  const split = new Uint16Array(candidates.length);
  let low = 0;
  let high = split.length;
  let lowerStake = 0;
  let upperStake = 0;
  for (let index = 0; index < candidates.length; index++) {
    const candidate = candidates[index]!;
    const value = score[candidate]!;
    if (value < pivot) {
      lowerStake += stake[candidate]!;
      split[low++] = candidate;
    } else if (value > pivot) {
      upperStake += stake[candidate]!;
      split[--high] = candidate;
    }
  }
  return { lower: split.subarray(0, low), upper: split.subarray(high), lowerStake, upperStake };
}
