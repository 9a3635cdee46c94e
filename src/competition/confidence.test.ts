import { describe, expect, test } from "bun:test";
import { Random } from "../base/random.ts";
import { compareModels } from "./confidence.ts";

function noisy(seed: number, count: number, mean: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.normal(mean, 0.1));
}

describe("compareModels", () => {
  test("is sure where one model is better on every batch", () => {
    const b = noisy(1, 50, 2);
    const a = b.map((loss) => loss - 0.01);
    const found = compareModels(a, b, { seed: 1 })!;
    expect(found.probabilityBetter).toBe(1);
    expect(found.differenceMean).toBeCloseTo(-0.01, 12);
    expect(compareModels(b, a, { seed: 1 })!.probabilityBetter).toBe(0);
  });

  test("knows nothing of equal models", () => {
    const same = noisy(2, 50, 2);
    expect(compareModels(same, same, { seed: 1 })).toMatchObject({ probabilityBetter: 0.5, differenceMean: 0 });
  });

  test("its interval holds the true difference in about 95 of 100 experiments", () => {
    let held = 0;
    for (let experiment = 0; experiment < 200; experiment++) {
      const { differenceLow, differenceHigh } = compareModels(
        noisy(2 * experiment, 60, 2),
        noisy(2 * experiment + 1, 60, 2.02),
        { seed: experiment, resamples: 400 },
      )!;
      if (differenceLow <= -0.02 && differenceHigh >= -0.02) held += 1;
    }
    expect(held / 200).toBeGreaterThan(0.88);
    expect(held / 200).toBeLessThan(0.99);
  });

  test("the same seed gives the same answer, and failed batches are counted apart", () => {
    const [a, b] = [
      [1, 2, Number.POSITIVE_INFINITY, 1.5],
      [1.1, 1.9, 2, 1.6, 7],
    ];
    const found = compareModels(a, b, { seed: 7 });
    expect(found).toEqual(compareModels(a, b, { seed: 7 }));
    expect(found).toMatchObject({ batches: 3, skipped: 1 });
    expect(compareModels([Number.NaN], [1], { seed: 1 })).toBeNull();
  });
});
