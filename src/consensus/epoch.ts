/**
 * Yuma consensus: one epoch of a subnet as a pure function, exact to the chain's last unit.
 *
 * Validators weight miners. The stake-weighted median of a miner's weights is its consensus; weight above it does not
 * count. What is left, weighted by stake, is the miner's incentive. Validators bond to miners by the weights they set,
 * and earn dividends from the incentive of those they are bonded to: who found a good miner early earns most.
 */
import { assert } from "../base/assert.ts";
import type { Uid } from "../subnet.ts";
import { moveBonds } from "./bonds.ts";
import { type Emission, shareEmission } from "./emission.ts";
import type { EpochInput } from "./epoch-input.ts";
import { isDivisor, normalize, one, proportionToU16 } from "./fixed.ts";
import { multiplyByRows, rowSums, type Sparse, type StoredRow } from "./sparse.ts";
import { type Standing, standingOf } from "./stake.ts";
import { clipToConsensus, consensusOf, countedWeights, weightsForBonds } from "./weights.ts";

/** The intermediate values in I32F32 units (`toNumber` makes them readable); `finetune consensus` explains with them. */
export interface EpochDetail extends Standing {
  /** The weights that count, rows normalised. */
  readonly weights: Sparse;
  readonly consensus: Float64Array;
  readonly clippedWeights: Sparse;
  readonly weightsForBonds: Sparse;
  readonly validatorTrust: Float64Array;
  /** Σ stake·clipped weight, before it is normalised to incentive. */
  readonly ranks: Float64Array;
  readonly incentive: Float64Array;
  readonly dividends: Float64Array;
  readonly bonds: Sparse;
}

/** What the chain stores after an epoch, by uid. Proportions are u16. */
export interface EpochOutput {
  readonly active: readonly boolean[];
  /** The validator permits of the next epoch. */
  readonly permits: readonly boolean[];
  readonly stakeWeight: Uint16Array;
  readonly consensus: Uint16Array;
  readonly validatorTrust: Uint16Array;
  readonly incentive: Uint16Array;
  readonly dividends: Uint16Array;
  readonly bonds: readonly StoredRow[];
  readonly emission: Emission;
  readonly detail: EpochDetail;
}

/** Runs one epoch. Throws (an assertion) for a state that no chain can be in; see `checkInput`. */
export function runEpoch(input: EpochInput): EpochOutput {
  checkInput(input);
  const standing = standingOf(input);
  const weights = countedWeights(input, standing);
  const consensus = consensusOf(weights, standing.activeStake, input.parameters.kappa);
  const clippedWeights = clipToConsensus(weights, consensus);
  const validatorTrust = rowSums(clippedWeights);
  const ranks = multiplyByRows(clippedWeights, standing.activeStake);
  const incentive = normalize(ranks.slice());
  const bondWeights = weightsForBonds(weights, clippedWeights, input.parameters.bondsPenalty);
  const { bonds, dividends } = moveBonds(input, {
    weightsForBonds: bondWeights,
    activeStake: standing.activeStake,
    consensus,
    incentive,
  });
  return {
    active: standing.active,
    permits: standing.newPermits,
    stakeWeight: toU16(standing.stake),
    consensus: toU16(consensus),
    validatorTrust: toU16(validatorTrust),
    incentive: toU16(incentive),
    dividends: toU16(dividends),
    bonds: storedBonds(bonds, standing.newPermits),
    emission: shareEmission({ incentive, dividends }, standing, input.emissionRao),
    detail: {
      ...standing,
      weights,
      consensus,
      clippedWeights,
      weightsForBonds: bondWeights,
      validatorTrust,
      ranks,
      incentive,
      dividends,
      bonds,
    },
  };
}

/** Bonds are kept only by those who may validate in the next epoch. */
function storedBonds(bonds: Sparse, newPermits: readonly boolean[]): StoredRow[] {
  return newPermits.map((permit, row) => {
    const entries: [Uid, number][] = [];
    if (!permit) return entries;
    for (let at = bonds.start[row]!; at < bonds.start[row + 1]!; at++)
      entries.push([bonds.column[at]!, proportionToU16(bonds.value[at]!)]);
    return entries;
  });
}

function toU16(proportions: Float64Array): Uint16Array {
  return Uint16Array.from(proportions, proportionToU16);
}

/** The exactness of the arithmetic rests on these bounds, so they are asserted and not assumed. */
function checkInput({ neurons, weights, bonds, parameters, owner, emissionRao }: EpochInput): void {
  const size = neurons.length;
  assert(size <= 8192 && isDivisor(size * one - 1), "an epoch has at most 8192 uids");
  assert(weights.length === size && bonds.length === size, "weights and bonds have a row for each uid");
  assert(owner === undefined || (Number.isInteger(owner) && owner >= 0), "the owner is a uid");
  assert(emissionRao >= 0n, "an emission is not negative");
  assert(
    neurons.every(({ stake }) => stake >= 0n),
    "stake is not negative",
  );
  const { kappa, bondsPenalty, bondsMovingAverage, liquidAlpha } = parameters;
  for (const value of [kappa, bondsPenalty, liquidAlpha?.low ?? 0, liquidAlpha?.high ?? 0])
    assert(isU16(value), "a proportion among the parameters is a u16");
  assert(
    Number.isInteger(bondsMovingAverage) && bondsMovingAverage >= 0 && bondsMovingAverage <= 1_000_000,
    "the bonds' moving average is in millionths",
  );
  checkRows(weights);
  checkRows(bonds);
}

function checkRows(rows: readonly StoredRow[]): void {
  const lastRow = new Int32Array(65_536).fill(-1);
  rows.forEach((row, index) => {
    for (const [column, value] of row) {
      assert(isU16(column) && isU16(value), "a stored row holds (u16, u16)");
      assert(lastRow[column] !== index, "a stored row names a uid once");
      lastRow[column] = index;
    }
  });
}

function isU16(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65_535;
}
