import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { repairedRules } from "./competition.ts";
import { dropReplaced, movingAverage, type Share, subnetWeights } from "./moving-average.ts";

const share = (uid: number, weight: number, hotkey = `h${uid}`): Share => ({ uid, hotkey, weight });
const competition = (emissionShare: number, threshold: number) => ({
  emissionShare,
  movingAverage: { alpha: 0.9, threshold },
  rules: repairedRules,
});

describe("moving averages", () => {
  const options = { alpha: 0.9, replacedHotkey: "cleared" } as const;

  test("the first round counts whole, later ones by 1 − α", () => {
    const first = movingAverage(null, [share(1, 1), share(2, 0)], options);
    expect(first).toEqual([share(1, 1), share(2, 0)]);
    const second = movingAverage(first, [share(2, 1)], options);
    expect(second.map(({ uid }) => uid)).toEqual([1, 2]);
    expect(second[0]?.weight).toBeCloseTo(0.9, 12);
    expect(second[1]?.weight).toBeCloseTo(0.1, 12);
  });

  test("whoever is gone leaves nothing to the next holder of its uid, unless the rules say so", () => {
    const averages = [share(1, 0.5, "old"), share(2, 0.5)];
    const registered = new Map([[1, "new"]]);
    expect(dropReplaced(averages, registered, "cleared")).toEqual([]);
    expect(dropReplaced(averages, registered, "inherited")).toEqual([share(1, 0.5, "new")]);
  });
});

describe("subnet weights", () => {
  test("each competition distributes its share of the emission", () => {
    const weights = subnetWeights([
      { competition: competition(0.75, 0.18), averages: [share(1, 2), share(2, 2)] },
      { competition: competition(0.25, 0.18), averages: [share(2, 5)] },
    ]);
    expect(weights).toEqual([share(1, 0.375), share(2, 0.625)]);
  });

  test("what is under the threshold goes to those above it; where nobody is, the other competitions get it", () => {
    const crowd = Array.from({ length: 10 }, (_, uid) => share(uid, 0.1));
    const small = subnetWeights([
      { competition: competition(0.5, 0.18), averages: [share(1, 0.9), share(2, 0.1)] },
      { competition: competition(0.5, 0.18), averages: crowd },
    ]);
    expect(small).toEqual([share(1, 1)]);
  });

  test("are positive parts of 1 in the order of uids, or nobody's", () => {
    const averages = fc.uniqueArray(fc.tuple(fc.nat(255), fc.double({ min: 0, max: 1, noNaN: true })), {
      selector: ([uid]) => uid,
      maxLength: 20,
    });
    fc.assert(
      fc.property(fc.array(averages, { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 0.18), (lists, threshold) => {
        const given = lists.map((list) => ({
          competition: competition(1 / lists.length, threshold),
          averages: list.map(([uid, weight]) => share(uid, weight)),
        }));
        const weights = subnetWeights(given);
        const sum = weights.reduce((total, { weight }) => total + weight, 0);
        expect(weights.length === 0 || Math.abs(sum - 1) < 1e-9).toBe(true);
        expect(weights.every(({ weight }) => weight > 0)).toBe(true);
        expect(weights.map(({ uid }) => uid)).toEqual(weights.map(({ uid }) => uid).toSorted((a, b) => a - b));
      }),
    );
  });
});
