import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "./random.ts";

describe("Random", () => {
  test("is the generator that the public subnet's draws come from", () => {
    const random = new Random(47137133047987366843627913065961486372647734429622217293125865327054350386694n);
    expect(random.integer(0, 99)).toBe(17);
    expect(random.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toBe(0);
  });

  test("ignores the sign of a seed, and tells texts from numbers", () => {
    expect(new Random(-5n).random()).toBe(new Random(5).random());
    expect(new Random("5").random()).not.toBe(new Random(5).random());
  });

  test("draws below any limit, of more than 32 bits too", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (seed, limit) => {
        const drawn = new Random(seed).below(limit);
        return Number.isInteger(drawn) && drawn >= 0 && drawn < limit;
      }),
    );
  });

  test("below() takes the same words as bits() does", () => {
    for (const count of [1, 31, 32, 33, 52]) {
      const limit = 2 ** count - 1;
      let expected = 0n;
      const bits = new Random(count);
      do expected = bits.bits(count);
      while (expected >= BigInt(limit));
      expect(BigInt(new Random(count).below(limit))).toBe(expected);
    }
  });

  test("a shuffle permutes and a sample has no element twice", () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(200), fc.nat(200), (seed, length, wanted) => {
        const items = Array.from({ length }, (_, index) => index);
        const shuffled = [...items];
        const random = new Random(seed);
        random.shuffle(shuffled);
        const sample = random.sample(items, Math.min(wanted, length));
        expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
        expect(new Set(sample).size).toBe(Math.min(wanted, length));
      }),
    );
  });

  test("refuses a draw from nothing", () => {
    expect(() => new Random(1).choice([])).toThrow("a draw below 0");
    expect(() => new Random(1).sample([1], 2)).toThrow("a sample of 2 from 1");
  });
});
