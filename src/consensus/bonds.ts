/** Bonds: what a validator has earned in a miner by weighting it early, and the dividends they pay. Steps 7 to 11. */
import type { Uid } from "../subnet.ts";
import type { EpochInput, EpochParameters, LiquidAlpha } from "./epoch-input.ts";
import { type Fixed, multiply, normalize, one, u16ToProportion } from "./fixed.ts";
import { alphasOf, differenceOf } from "./liquid-alpha.ts";
import {
  fromStored,
  mapValues,
  multiplyByColumns,
  normalizeColumns,
  type Sparse,
  SparseBuilder,
  spreadRow,
  upscaleColumns,
} from "./sparse.ts";

export interface BondTerms {
  readonly weightsForBonds: Sparse;
  readonly activeStake: Float64Array;
  readonly consensus: Float64Array;
  readonly incentive: Float64Array;
}

export interface BondResult {
  /** The new bonds as they are stored: Yuma 2 upscales each column to its greatest, Yuma 3 keeps the proportions. */
  readonly bonds: Sparse;
  /** A proportion by uid. */
  readonly dividends: Float64Array;
}

const rules: Readonly<Record<EpochParameters["yuma"], (input: EpochInput, terms: BondTerms) => BondResult>> = {
  2: relativeBonds,
  3: absoluteBonds,
};

/** Moves the bonds on by one epoch and computes what they pay, by the subnet's rule. */
export function moveBonds(input: EpochInput, terms: BondTerms): BondResult {
  return rules[input.parameters.yuma](input, terms);
}

/** Yuma 2: a miner's bonds are shares of it, and move towards each validator's share of the stake-weighted vote. */
function relativeBonds(input: EpochInput, terms: BondTerms): BondResult {
  const old = normalizeColumns(storedBonds(input));
  const bought = mapValues(terms.weightsForBonds, (value, row) => multiply(value, terms.activeStake[row]!));
  const moved = movingAverage(normalizeColumns(bought), old, fixedAlpha(input.parameters));
  const shares = normalizeColumns(moved);
  const dividends = normalize(multiplyByColumns(shares, terms.incentive));
  return { bonds: upscaleColumns(shares), dividends };
}

/** Yuma 3: a bond is a validator's own, moves towards its weight, and is shared out only when it pays. */
function absoluteBonds(input: EpochInput, terms: BondTerms): BondResult {
  const old = mapValues(storedBonds(input), u16ToProportion);
  const { liquidAlpha } = input.parameters;
  // With no consensus at all there is nothing to be near to.
  const isLiquid = liquidAlpha !== undefined && terms.consensus.some((value) => value !== 0);
  const bonds = isLiquid
    ? liquidAverage(terms.weightsForBonds, old, terms.consensus, liquidAlpha)
    : movingAverage(terms.weightsForBonds, old, fixedAlpha(input.parameters));
  const earned = multiplyByColumns(normalizeColumns(bonds), terms.incentive);
  return { bonds, dividends: normalize(earned.map((value, uid) => multiply(value, terms.activeStake[uid]!))) };
}

/**
 * The stored bonds as plain u16, without those to uids that registered after the epoch before: they were earned in the
 * neuron that was replaced.
 */
function storedBonds({ bonds, neurons, block, tempoBlocks, lastStepBlock }: EpochInput): Sparse {
  const since = lastStepBlock === 0 ? Math.max(0, block - tempoBlocks) : lastStepBlock + 1;
  return fromStored(bonds, neurons.length, (_row, column) => neurons[column]!.registrationBlock < since);
}

/** 1 − the moving average, whose millionths the chain truncates first. */
function fixedAlpha({ bondsMovingAverage }: EpochParameters): Fixed {
  return one - Math.floor((bondsMovingAverage * one) / 1_000_000);
}

/** α·new + (1 − α)·old over both patterns; what comes to 0 is dropped. */
function movingAverage(fresh: Sparse, old: Sparse, alpha: Fixed): Sparse {
  const builder = new SparseBuilder(fresh.size, fresh.value.length + old.value.length);
  const sum = new Float64Array(fresh.size);
  for (let row = 0; row < fresh.size; row++) {
    if (entryCount(fresh, row) + entryCount(old, row) > 0) {
      sum.fill(0);
      addScaled(fresh, row, alpha, sum);
      addScaled(old, row, one - alpha, sum);
      for (let column = 0; column < fresh.size; column++) if (sum[column]! > 0) builder.push(column, sum[column]!);
    }
    builder.endRow();
  }
  return builder.build();
}

/**
 * The same with an alpha for each bond. Only pairs with an entry in the weights are kept, be it 0: a bond to a miner
 * that the validator's weights no longer mention is gone at once.
 */
function liquidAverage(fresh: Sparse, old: Sparse, consensus: Float64Array, liquidAlpha: LiquidAlpha): Sparse {
  const builder = new SparseBuilder(fresh.size, fresh.value.length);
  const held = new Float64Array(fresh.size);
  const weight = new Float64Array(fresh.size);
  const bond = new Float64Array(fresh.size);
  for (let row = 0; row < fresh.size; row++) {
    const columns = fresh.column.subarray(fresh.start[row], fresh.start[row + 1]);
    if (columns.length > 0) {
      spreadRow(old, row, held);
      spreadAscending(fresh, row, weight);
      spreadAscending(old, row, bond);
      const differences = new Float64Array(columns.length);
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index]!;
        differences[index] = differenceOf(weight[column]!, bond[column]!, consensus[column]!);
      }
      const alphas = alphasOf(differences, liquidAlpha);
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index]!;
        const bought = multiply(alphas[index]!, fresh.value[fresh.start[row]! + index]!);
        const value = multiply(one - alphas[index]!, held[column]!) + bought;
        if (value > 0) builder.push(column, Math.min(one, value));
      }
    }
    builder.endRow();
  }
  return builder.build();
}

/**
 * A row as the chain's alpha reads it: walking the uids upwards and never back, so that an entry set after one with a
 * greater uid is not seen and counts as 0.
 */
function spreadAscending(matrix: Sparse, row: Uid, into: Float64Array): void {
  into.fill(0);
  let last = -1;
  for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++) {
    const column = matrix.column[at]!;
    if (column <= last) continue;
    into[column] = matrix.value[at]!;
    last = column;
  }
}

function addScaled(matrix: Sparse, row: Uid, scale: Fixed, into: Float64Array): void {
  for (let at = matrix.start[row]!; at < matrix.start[row + 1]!; at++)
    into[matrix.column[at]!]! += multiply(scale, matrix.value[at]!);
}

function entryCount(matrix: Sparse, row: Uid): number {
  return matrix.start[row + 1]! - matrix.start[row]!;
}
