/** From win rates to the weights of one round. */

/** 1 for each of the best, 0 for the rest; no rates, no weights. */
export function winnerWeights(winRates: readonly number[]): number[] {
  const best = winRates.reduce((highest, rate) => Math.max(highest, rate), Number.NEGATIVE_INFINITY);
  return winRates.map((rate) => (rate === best ? 1 : 0));
}

/** softmax(winRate / temperature); a low temperature gives nearly all to the best. */
export function softmaxWeights(winRates: readonly number[], temperature: number): number[] {
  const best = winRates.reduce((highest, rate) => Math.max(highest, rate), Number.NEGATIVE_INFINITY);
  // The highest exponent is 0, so that the sum neither overflows nor vanishes.
  return normalize(winRates.map((rate) => Math.exp((rate - best) / temperature)));
}

/** Divides by the sum, from the first to the last; a vector with a NaN or without a positive finite sum becomes zeros. */
export function normalize(weights: readonly number[]): number[] {
  let sum = 0;
  for (const weight of weights) sum += weight;
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY)) return weights.map(() => 0);
  return weights.map((weight) => weight / sum);
}
