import { expect, test } from "bun:test";
import fc from "fast-check";
import { builtInCompetitions } from "./built-in.ts";
import type { Competition } from "./competition.ts";
import { epsilonAt } from "./epsilon.ts";
import { prospectsOf } from "./prospects.ts";
import { judgeRound } from "./round.ts";
import { weighTasks } from "./score.ts";

const launch = builtInCompetitions("demo").schedule[0]!.competitions[0]!;
const decayBlocks = 50_400;
const decaying: Competition = {
  ...launch,
  winRate: "per-score",
  roundWeights: { kind: "winner" },
  epsilon: { kind: "linear", start: 0.01, end: 0.0001, decayBlocks },
};
const task = launch.tasks[0]!.name;
const tasks = weighTasks(launch, new Set([task]));
const model = (modelBlock: number, losses: readonly number[]) => ({
  modelBlock,
  perTask: { [task]: { kind: "losses" as const, losses } },
});

test("the winning block is the first from which the earlier model's advantage is too small", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 100_000 }),
      fc.integer({ min: 1000, max: 100_000 }),
      fc.double({ min: 0.98, max: 1.01, noNaN: true }),
      (now, rivalBlock, ratio) => {
        const block = Math.max(now, rivalBlock);
        const [own, rival] = [model(block + 1, [ratio]), model(rivalBlock, [1])];
        const input = { competition: decaying, tasks, block, own, rival, seed: 1, resamples: 1 };
        const { winsFromBlock: found } = prospectsOf(input);
        const wins = (at: number) => ratio < 1 - epsilonAt(decaying.epsilon, at, rivalBlock);
        if (found === null) expect(wins(rivalBlock + 2 * decayBlocks)).toBe(false);
        else {
          expect(wins(found)).toBe(true);
          expect(found === block || !wins(found - 1)).toBe(true);
        }
      },
    ),
  );
});

for (const competition of [launch, decaying])
  test(`what it says is what a round decides, and what it asks for is enough (${competition.winRate})`, () => {
    const losses = fc.array(fc.double({ min: 0.9, max: 1.1, noNaN: true }), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(losses, losses, (ours, theirs) => {
        const [block, own, rival] = [101, model(100, ours), model(50, theirs)];
        const said = prospectsOf({ competition, tasks, block, own, rival, seed: 1, resamples: 20 });
        const isAhead = (part: number) => {
          const models = [
            {
              uid: 1,
              hotkey: "own",
              ...model(
                100,
                ours.map((loss) => loss * (1 - part)),
              ),
            },
            { uid: 2, hotkey: "rival", ...rival },
          ];
          const { standings } = judgeRound({ competition, block, models, previousAverages: null });
          const rate = (uid: number) => standings.find((standing) => standing.uid === uid)!.winRate;
          return rate(1) > rate(2);
        };
        expect(isAhead(0)).toBe(said.wins);
        expect(isAhead(said.improvementNeeded)).toBe(true);
        if (said.improvementNeeded > 1e-5) expect(isAhead(said.improvementNeeded - 1e-5)).toBe(false);
      }),
    );
  });

test("a fixed advantage does not wait, and equal losses never win", () => {
  const at = (losses: readonly number[]) =>
    prospectsOf({ competition: launch, tasks, block: 10, own: model(9, losses), rival: model(5, [1, 1]), seed: 1 });
  expect(at([0.9951, 0.9951]).winsFromBlock).toBeNull();
  expect(at([0.98, 0.98])).toEqual({ wins: true, probability: 1, improvementNeeded: 0, winsFromBlock: 10 });
  expect(at([1, 1]).probability).toBe(0);
});

test("the probability tells a sure lead from a lucky draw", () => {
  const chance = (losses: readonly number[]) =>
    prospectsOf({
      competition: decaying,
      tasks,
      block: 60_000,
      seed: 1,
      own: model(60_000, losses),
      rival: model(
        1,
        losses.map(() => 1),
      ),
    }).probability;
  const sure = chance(Array.from({ length: 50 }, (_, index) => (index % 2 ? 0.9 : 0.95)));
  const lucky = chance(Array.from({ length: 50 }, (_, index) => (index % 2 ? 0.5 : 1.48)));
  expect(sure).toBe(1);
  expect(lucky).toBeGreaterThan(0.4);
  expect(lucky).toBeLessThan(0.8);
});
