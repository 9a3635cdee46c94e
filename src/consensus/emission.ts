/** What an epoch pays, from incentive and dividends. Step 12 of Yuma consensus. */
import { type Fixed, normalize, one, sumOf } from "./fixed.ts";
import type { Standing } from "./stake.ts";

/** Rao by uid. */
export interface Emission {
  /** To a neuron as a miner. */
  readonly serverRao: readonly bigint[];
  /** To a neuron as a validator. */
  readonly validatorRao: readonly bigint[];
  /** What the metagraph shows: each truncated from the joint share, so it may differ from the two by a rao. */
  readonly totalRao: readonly bigint[];
}

export interface Earnings {
  readonly incentive: Float64Array;
  readonly dividends: Float64Array;
}

/**
 * Shares the emission out by incentive and dividends together. When nobody earned anything (no weights, or none that
 * count) it goes to active stake, and without that to stake, so that a subnet never emits into nothing.
 */
export function shareEmission(earnings: Earnings, { activeStake, stake }: Standing, emissionRao: bigint): Emission {
  const combined = earnings.incentive.map((value, uid) => value + earnings.dividends[uid]!);
  const sum = sumOf(combined);
  const toRao = (shares: Float64Array) => Array.from(shares, (share) => raoOf(share, emissionRao));
  if (sum === 0) {
    const fallback = sumOf(activeStake) === 0 ? stake : activeStake;
    return { serverRao: toRao(earnings.incentive), validatorRao: toRao(fallback), totalRao: toRao(fallback) };
  }
  return {
    serverRao: toRao(normalize(earnings.incentive.slice(), sum)),
    validatorRao: toRao(normalize(earnings.dividends.slice(), sum)),
    totalRao: toRao(normalize(combined)),
  };
}

/** ⌊share·emission⌋: in I96F32 the product with a whole number is exact, so there is one truncation. */
function raoOf(share: Fixed, emissionRao: bigint): bigint {
  return share === one ? emissionRao : (BigInt(share) * emissionRao) >> 32n;
}
