import { expect, test } from "bun:test";
import fc from "fast-check";
import { epsilonAt } from "../competition/epsilon.ts";
import { winningBlock } from "./check.ts";

const decaying = { kind: "linear", start: 0.01, end: 0.0001, decayBlocks: 50_400 } as const;

test("the winning block is the first from which the earlier model's advantage is too small", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 100_000 }),
      fc.integer({ min: 1000, max: 100_000 }),
      fc.double({ min: 0.98, max: 1.01, noNaN: true }),
      (block, rivalBlock, ratio) => {
        const found = winningBlock(decaying, { block, rivalBlock, ownScore: ratio, rivalScore: 1 });
        const wins = (at: number) => ratio < 1 - epsilonAt(decaying, at, rivalBlock);
        if (found === null) expect(wins(rivalBlock + 2 * decaying.decayBlocks)).toBe(false);
        else {
          expect(wins(found)).toBe(true);
          expect(found === block || !wins(found - 1)).toBe(true);
        }
      },
    ),
  );
});

test("a fixed advantage does not wait", () => {
  const fixed = { kind: "fixed", value: 0.01 } as const;
  const match = { block: 10, rivalBlock: 5, rivalScore: 1 };
  expect(winningBlock(fixed, { ...match, ownScore: 0.995 })).toBeNull();
  expect(winningBlock(fixed, { ...match, ownScore: 0.98 })).toBe(10);
});
