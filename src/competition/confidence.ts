/**
 * How sure a comparison of two models is. A round measures a few hundred batches out of the many that could have been
 * drawn; the bootstrap (Efron, 1979) draws as many again from those, with repetition, and looks how often the result turns.
 */
import { Random } from "../base/random.ts";

export interface Comparison {
  /** The batches with a finite loss of both models, which the comparison rests on. */
  readonly batches: number;
  /** Batches left out since one of the losses was not finite. */
  readonly skipped: number;
  /** The mean of a − b in nats; negative when a is better. */
  readonly differenceMean: number;
  /** The middle 95 % of the resampled means. */
  readonly differenceLow: number;
  readonly differenceHigh: number;
  /** The part of the resamples in which a has the lower mean (equal means count half): 0.5 says nothing. */
  readonly probabilityBetter: number;
}

/**
 * Compares two models on the same batches. Give losses discounted by 1 − ε to ask whether one *beats* the other.
 * @param a losses of the one model, by batch
 * @param b losses of the other on the same batches; further batches of either are ignored
 * @param seed the same seed gives the same answer
 * @returns null without a batch that both models have a finite loss on
 */
export function compareModels(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { seed, resamples = 2000 }: { readonly seed: bigint | number; readonly resamples?: number },
): Comparison | null {
  const common = Math.min(a.length, b.length);
  const differences = Array.from({ length: common }, (_, batch) => a[batch]! - b[batch]!).filter(Number.isFinite);
  const batches = differences.length;
  if (batches === 0) return null;
  const random = new Random(seed);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let drawn = 0; drawn < batches; drawn++) sum += differences[random.below(batches)]!;
    return sum / batches;
  }).sort();
  let better = 0;
  for (const mean of means) better += mean < 0 ? 1 : mean === 0 ? 0.5 : 0;
  let sum = 0;
  for (const difference of differences) sum += difference;
  return {
    batches,
    skipped: common - batches,
    differenceMean: sum / batches,
    differenceLow: quantile(means, 0.025),
    differenceHigh: quantile(means, 0.975),
    probabilityBetter: better / resamples,
  };
}

/** The value that this part of the sorted values lies below; between two values, linearly. */
function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}
