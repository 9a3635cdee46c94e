/** Which of the stored weights count, and what the validators agree on. Steps 4 to 6 of Yuma consensus. */
import type { EpochInput } from "./epoch-input.ts";
import { divide, type Fixed, multiply, one, sumOf, u16ToProportion } from "./fixed.ts";
import { fromStored, normalizeRows, type Sparse, SparseBuilder, spreadRow } from "./sparse.ts";
import type { Standing } from "./stake.ts";
import { weightedMedian } from "./weighted-median.ts";

/**
 * The weights that count, each row normalised. Dropped are: rows without a permit; a validator's weight to itself
 * (the owner's stays); weights set before the miner registered, so that a newcomer does not inherit a uid's weights;
 * and, with commit-reveal, weights of a validator whose open commit is older than the miner.
 */
export function countedWeights(input: EpochInput, { permits }: Standing): Sparse {
  const { neurons, owner, parameters } = input;
  const kept = fromStored(input.weights, neurons.length, (row, column) => {
    if (!permits[row] || (row === column && row !== owner)) return false;
    const validator = neurons[row]!;
    const { registrationBlock } = neurons[column]!;
    if (validator.lastUpdateBlock <= registrationBlock) return false;
    const { commitBlock } = validator;
    return !(parameters.commitReveal && commitBlock !== undefined && commitBlock < registrationBlock);
  });
  return normalizeRows(kept);
}

/** The stake-weighted median of each column over the validators with active stake; a missing weight counts as 0. */
export function consensusOf(weights: Sparse, activeStake: Float64Array, kappa: number): Float64Array {
  const speakers = Array.from(activeStake.keys()).filter((uid) => activeStake[uid]! > 0);
  const total = sumOf(activeStake);
  // Normalised a second time, as the chain does: truncation has left the sum a little below 1.
  const stake = Float64Array.from(speakers, (uid) => divide(activeStake[uid]!, total));
  const stakeSum = sumOf(stake);
  const scores = columnsOf(weights, speakers);
  const minority = stakeSum - u16ToProportion(kappa);
  const consensus = new Float64Array(weights.size);
  for (let column = 0; column < weights.size; column++) {
    const score = scores.subarray(column * speakers.length, (column + 1) * speakers.length);
    consensus[column] = weightedMedian({ score, stake, minority, stakeSum });
  }
  return consensus;
}

/** Weights above the consensus are cut down to it; where the consensus is 0 they are dropped. */
export function clipToConsensus(weights: Sparse, consensus: Float64Array): Sparse {
  const builder = new SparseBuilder(weights.size, weights.value.length);
  for (let row = 0; row < weights.size; row++) {
    for (let at = weights.start[row]!; at < weights.start[row + 1]!; at++) {
      const column = weights.column[at]!;
      const value = weights.value[at]!;
      const ceiling = consensus[column]!;
      if (ceiling >= value) builder.push(column, value);
      else if (ceiling > 0) builder.push(column, ceiling);
    }
    builder.endRow();
  }
  return builder.build();
}

/** The weights that bonds grow by: W + penalty·(W̄ − W). At the ends the chain takes W or W̄ as they are. */
export function weightsForBonds(weights: Sparse, clipped: Sparse, bondsPenalty: number): Sparse {
  const penalty: Fixed = u16ToProportion(bondsPenalty);
  if (penalty === 0) return weights;
  if (penalty === one) return clipped;
  const builder = new SparseBuilder(weights.size, weights.value.length);
  const set = new Float64Array(weights.size);
  const cut = new Float64Array(weights.size);
  for (let row = 0; row < weights.size; row++) {
    if (weights.start[row] !== weights.start[row + 1]) {
      spreadRow(weights, row, set);
      spreadRow(clipped, row, cut);
      for (let column = 0; column < weights.size; column++) {
        const value = set[column]! + multiply(penalty, cut[column]! - set[column]!);
        if (value > 0) builder.push(column, value);
      }
    }
    builder.endRow();
  }
  return builder.build();
}

/** The columns one after the other, each with one score a speaker: what the median walks over. */
function columnsOf(weights: Sparse, speakers: readonly number[]): Float64Array {
  const scores = new Float64Array(weights.size * speakers.length);
  speakers.forEach((row, index) => {
    for (let at = weights.start[row]!; at < weights.start[row + 1]!; at++)
      scores[weights.column[at]! * speakers.length + index] = weights.value[at]!;
  });
  return scores;
}
