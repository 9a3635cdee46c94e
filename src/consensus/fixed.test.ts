import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sigmoid } from "../../test/oracles/yuma.ts";
import { divide, multiply, one, proportionToU16 } from "./fixed.ts";
import { sigmoids } from "./sigmoid.ts";

const proportion = fc.oneof(fc.integer({ min: 0, max: one }), fc.constantFrom(0, 1, one - 1, one));

describe("fixed point in doubles is the integer arithmetic", () => {
  test("products, of either sign", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 36 }), fc.integer({ min: -one, max: one }), (a, b) => {
        expect(BigInt(multiply(a, b))).toBe((BigInt(a) * BigInt(b)) >> 32n);
      }),
      { numRuns: 5000 },
    );
  });

  test("quotients, up to sums of 8192 proportions", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 45 }), (fraction, bits) => {
        const b = Math.max(1, Math.floor(2 ** bits * (0.5 + fraction / 2)) - 1);
        for (const a of [b, b - 1, Math.floor(b * fraction), 0])
          expect(BigInt(divide(a, b))).toBe((BigInt(a) << 32n) / BigInt(b));
      }),
      { numRuns: 5000 },
    );
    expect(divide(5, 0)).toBe(0);
  });

  test("u16 proportions truncate", () => {
    fc.assert(
      fc.property(proportion, (x) => {
        expect(BigInt(proportionToU16(x))).toBe((BigInt(x) * 65_535n) >> 32n);
      }),
    );
    expect(proportionToU16(one + 5)).toBe(65_535);
  });
});

test("the sigmoid is the chain's series, over its whole range", () => {
  const argument = fc.oneof(
    fc.integer({ min: -20 * one, max: 20 * one }),
    fc.integer({ min: -8 * one, max: 8 * one }),
    fc.constantFrom(0, one, -one, 1, -1, 8 * one, -8 * one, 8 * one + 1, 20 * one, -20 * one, 300 * one, -300 * one),
  );
  fc.assert(
    fc.property(fc.array(argument, { minLength: 1, maxLength: 8 }), (row) => {
      expect(Array.from(sigmoids(Float64Array.from(row)), BigInt)).toEqual(row.map((x) => sigmoid(BigInt(x))));
    }),
    { numRuns: 3000 },
  );
});
