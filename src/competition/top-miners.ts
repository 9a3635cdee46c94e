/** Whom the large validators pay: their models are looked at early, so that validators agree soon. */
import type { Uid } from "../subnet.ts";

export interface ValidatorView {
  readonly uid: Uid;
  readonly stakeTao: number;
  readonly validatorPermit: boolean;
  /** As set on the chain: uid and weight of 0 … 65535, not normalised. */
  readonly weights: readonly (readonly [uid: Uid, weight: number])[];
}

/** The validators with permit and at least this stake. */
export function highStakeValidators(neurons: readonly ValidatorView[], stakeTaoMin: number): ValidatorView[] {
  // The metagraph that the public subnet's validators read holds stakes in 32 bits.
  return neurons.filter(({ validatorPermit, stakeTao }) => validatorPermit && Math.fround(stakeTao) >= stakeTaoMin);
}

/**
 * The uids that get at least `shareMin` of the weights of one of the validators, in ascending order. A validator whose
 * weights are all zero pays nobody.
 */
export function topMiners(neurons: readonly ValidatorView[], stakeTaoMin: number, shareMin: number): Uid[] {
  const found = new Set<Uid>();
  for (const { weights } of highStakeValidators(neurons, stakeTaoMin)) {
    let sum = 0;
    for (const [, weight] of weights) sum += weight;
    if (sum === 0) continue;
    for (const [uid, weight] of weights) if (weight / sum >= shareMin) found.add(uid);
  }
  return [...found].toSorted((a, b) => a - b);
}
