import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { largest, penalise } from "./generate.ts";

describe("repetition penalty", () => {
  test("divides positive logits and multiplies negative ones, once for each distinct token", () => {
    const logits = Float32Array.of(2, -2, 3, 0);
    penalise(logits, [0, 1, 1, 0, 3], 2);
    expect([...logits]).toEqual([1, -4, 3, 0]);
  });

  test("never raises a logit and leaves tokens alone that did not appear", () => {
    const cases = fc.tuple(
      fc.float32Array({ minLength: 1, maxLength: 20, noNaN: true, min: -100, max: 100 }),
      fc.array(fc.nat(19)),
      fc.double({ min: 1, max: 3, noNaN: true }),
    );
    fc.assert(
      fc.property(cases, ([before, picks, penalty]) => {
        const ids = picks.filter((id) => id < before.length);
        const after = before.slice();
        penalise(after, ids, penalty);
        for (const [id, logit] of after.entries()) {
          expect(logit).toBeLessThanOrEqual(before[id]!);
          if (!ids.includes(id)) expect(logit).toBe(before[id]!);
        }
      }),
    );
  });
});

test("of equal logits the lower id is chosen", () => {
  expect(largest(Float32Array.of(1, 5, 5, 2))).toBe(1);
  expect(largest(Float32Array.of(-3, -3))).toBe(0);
});
