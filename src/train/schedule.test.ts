/** The learning rate over a run: a warm-up to the peak, then down to where the schedule says. */
import { describe, expect, test } from "bun:test";
import { learningRate, type ScheduleKind, scheduleKinds } from "./schedule.ts";

const rates = (kind: ScheduleKind, steps: readonly number[]) =>
  steps.map((step) => learningRate({ kind, peak: 8, warmupSteps: 4, totalSteps: 12 }, step));

describe("the learning rate", () => {
  for (const kind of scheduleKinds)
    test(`rises to its peak in the warm-up (${kind})`, () => expect(rates(kind, [1, 2, 3, 4])).toEqual([2, 4, 6, 8]));

  test("then stays, falls evenly, or falls along a cosine", () => {
    expect(rates("constant", [5, 8, 12])).toEqual([8, 8, 8]);
    expect(rates("linear", [5, 8, 12])).toEqual([7, 4, 0]);
    const [first, half, last] = rates("cosine", [5, 8, 12]);
    expect([first, half, last!]).toEqual([4 * (1 + Math.cos(Math.PI / 8)), expect.closeTo(4, 12), 0]);
  });

  test("falls from the first step without a warm-up, and only rises in a run that is all warm-up", () => {
    expect(learningRate({ kind: "linear", peak: 1, warmupSteps: 0, totalSteps: 4 }, 1)).toBe(0.75);
    expect(learningRate({ kind: "cosine", peak: 1, warmupSteps: 20, totalSteps: 10 }, 10)).toBe(0.5);
  });
});
