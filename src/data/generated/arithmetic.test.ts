import { expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../base/random.ts";
import { drawArithmetic } from "./arithmetic.ts";

test("every exercise is right, within its digits, and the same seed draws the same", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n }), fc.integer({ min: 1, max: 6 }), (seed, digitsMax) => {
      const drawn = drawArithmetic(new Random(seed), 20, { digitsMax });
      expect(drawArithmetic(new Random(seed), 20, { digitsMax })).toEqual(drawn);
      for (const { context, reference } of drawn) {
        const [, a, sign, b] = /^(\d+) ([-+*]) (\d+) = $/.exec(context)!;
        expect(Math.max(a!.length, b!.length)).toBeLessThanOrEqual(digitsMax);
        const right = { "+": Number(a) + Number(b), "-": Number(a) - Number(b), "*": Number(a) * Number(b) }[sign!];
        expect(reference).toBe(String(right));
        expect(right).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
