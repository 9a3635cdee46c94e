import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { builtInCompetitions } from "./built-in.ts";
import { type Competition, publishedRules } from "./competition.ts";
import { judgeRound, type RoundModel } from "./round.ts";

const demo = builtInCompetitions("demo").schedule[0]!.competitions[0]!;
const task = demo.tasks[0]!;
const perBatch: Competition = { ...demo, epsilon: { kind: "fixed", value: 0.01 } };
const perScore: Competition = { ...perBatch, winRate: "per-score", roundWeights: { kind: "winner" } };

function model(uid: number, modelBlock: number, losses: readonly number[], more: Partial<RoundModel> = {}): RoundModel {
  return { uid, hotkey: `h${uid}`, modelBlock, perTask: { [task.name]: { kind: "losses", losses } }, ...more };
}
const failed = (uid: number, modelBlock: number): RoundModel => ({
  ...model(uid, modelBlock, []),
  perTask: { [task.name]: { kind: "failure", reason: "time-limit" } },
});
const judge = (competition: Competition, models: readonly RoundModel[]) =>
  judgeRound({ competition, block: 1000, models, previousAverages: null });
const paid = (verdict: ReturnType<typeof judge>) =>
  verdict.roundWeights.filter(({ weight }) => weight > 0).map(({ uid }) => uid);

describe("judgeRound", () => {
  test("the later of two equal models loses every batch by epsilon", () => {
    const { standings } = judge(perBatch, [model(1, 20, [2, 2, 2]), model(2, 10, [2, 2, 2])]);
    expect(standings.map(({ uid, wins, matches, rank }) => [uid, wins, matches, rank])).toEqual([
      [2, 3, 3, 1],
      [1, 0, 3, 2],
    ]);
  });

  test("the later model wins when it is better by more than epsilon", () => {
    const { standings } = judge(perScore, [model(1, 20, [1.979]), model(2, 10, [2])]);
    expect(standings[0]).toMatchObject({ uid: 1, wins: 1, winRate: 1, weight: 1 });
    expect(judge(perScore, [model(1, 20, [1.981]), model(2, 10, [2])]).standings[0]?.uid).toBe(2);
  });

  test("equal blocks give no advantage, and ties go to the lower uid", () => {
    const { standings, roundWeights } = judge(perScore, [model(5, 10, [2]), model(3, 10, [2])]);
    expect(standings.map(({ uid, wins }) => [uid, wins])).toEqual([
      [3, 0],
      [5, 0],
    ]);
    expect(roundWeights.map(({ weight }) => weight)).toEqual([1, 0]);
    const shared = { ...perScore, rules: publishedRules };
    expect(judge(shared, [model(5, 10, [2]), model(3, 10, [2])]).roundWeights.map((each) => each.weight)).toEqual([
      0.5, 0.5,
    ]);
  });

  test("a round in which all failed pays nobody; under the published rules it pays everybody", () => {
    const models = [failed(1, 10), failed(2, 20)];
    for (const competition of [perBatch, perScore]) {
      expect(paid(judge(competition, models))).toEqual([]);
      expect(paid(judge({ ...competition, rules: publishedRules }, models))).toEqual([1, 2]);
    }
  });

  test("a failed model loses against every other and keeps its block", () => {
    const { standings } = judge(perBatch, [failed(1, 10), model(2, 20, [9, 9])]);
    expect(standings.map(({ uid, outcome, wins, matches }) => [uid, outcome, wins, matches])).toEqual([
      [2, "scored", 2, 2],
      [1, "failed", 0, 2],
    ]);
  });

  test("of models with the same parameters only the earliest contends", () => {
    const copies = [3, 1, 2].map((uid) => model(uid, 10 * uid, [1, 1], { parameterHash: "same" }));
    const { standings } = judge(perBatch, [...copies, model(4, 5, [2, 2], { parameterHash: "other" })]);
    expect(standings.map(({ uid, outcome, duplicateOf }) => [uid, outcome, duplicateOf])).toEqual([
      [1, "scored", null],
      [4, "scored", null],
      [2, "duplicate", 1],
      [3, "duplicate", 1],
    ]);
    // The copies do not raise anybody's win rate either.
    expect(standings[0]?.matches).toBe(2);
    expect(standings.slice(2).map(({ weight }) => weight)).toEqual([0, 0]);
  });

  test("without a loaded task, or without models, the averages stay", () => {
    const previousAverages = [{ uid: 1, hotkey: "h1", weight: 0.4 }];
    const round = { competition: demo, block: 1000, previousAverages };
    expect(judgeRound({ ...round, models: [model(1, 1, [1])], loadedTasks: [] })).toMatchObject({
      kind: "no-task",
      averages: previousAverages,
    });
    expect(judgeRound({ ...round, models: [] })).toMatchObject({ kind: "nobody", averages: previousAverages });
  });

  test("a uid's average does not pass to its next hotkey", () => {
    const previousAverages = [
      { uid: 1, hotkey: "gone", weight: 0.6 },
      { uid: 2, hotkey: "h2", weight: 0.4 },
    ];
    const competition = { ...perScore, movingAverage: { alpha: 0.5, threshold: 0 } };
    const round = { block: 1000, models: [model(1, 1, [1]), model(3, 2, [2])], previousAverages };
    const registered = new Map([
      [1, "h1"],
      [2, "h2"],
      [3, "h3"],
    ]);
    const averages = judgeRound({ ...round, competition, registered }).averages;
    expect(averages?.map(({ uid, hotkey, weight }) => [uid, hotkey, weight])).toEqual([
      [1, "h1", 0.5],
      [2, "h2", 0.2],
      [3, "h3", 0],
    ]);
    const inheriting = judgeRound({ ...round, competition: { ...competition, rules: publishedRules }, registered });
    expect(inheriting.averages?.[0]).toEqual({ uid: 1, hotkey: "h1", weight: 0.8 });
  });

  test("several tasks per batch count by their weights, not by their numbers of samples", () => {
    const tasks = [
      { ...task, name: "long", weight: 0.25 },
      { ...task, name: "short", weight: 0.75 },
    ];
    const losses = (long: number, short: number) => ({
      perTask: {
        long: { kind: "losses", losses: new Array(100).fill(long) },
        short: { kind: "losses", losses: [short] },
      } as const,
    });
    const { standings } = judge({ ...perBatch, tasks }, [
      model(1, 10, [], losses(1, 2)),
      model(2, 10, [], losses(2, 1)),
    ]);
    expect(standings.map(({ uid, wins, winRate }) => [uid, wins, winRate])).toEqual([
      [2, 1, 0.75],
      [1, 100, 0.25],
    ]);
  });

  test("an error rate's failure costs 1, a loss's failure costs everything", () => {
    const choice = { kind: "multiple-choice", newTokensMax: 1, repetitionPenalty: 1 } as const;
    const tasks = [
      { ...task, name: "choice", weight: 0.5, method: choice },
      { ...task, name: "loss", weight: 0.5 },
    ];
    const failure = { kind: "failure", reason: "time-limit" } as const;
    const fine = { kind: "losses", losses: [0.5] } as const;
    const scores = judge({ ...perScore, tasks }, [
      model(1, 10, [], { perTask: { choice: failure, loss: fine } }),
      model(2, 20, [], { perTask: { choice: fine, loss: failure } }),
    ]).standings.map(({ uid, score }) => [uid, score]);
    expect(scores).toEqual([
      [1, 0.75],
      [2, Number.POSITIVE_INFINITY],
    ]);
  });

  const anyLoss = fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.constantFrom(Infinity, Number.NaN, 1, 2));
  const anyModels = fc
    .uniqueArray(fc.tuple(fc.nat(255), fc.nat(50), fc.array(anyLoss, { maxLength: 8 }), fc.nat(6)), {
      selector: ([uid]) => uid,
      maxLength: 12,
    })
    .map((rows) => rows.map(([uid, block, losses, hash]) => model(uid, block, losses, { parameterHash: `${hash}` })));
  const anyCompetition = fc.constantFrom(
    perBatch,
    perScore,
    { ...perBatch, rules: publishedRules },
    { ...perScore, rules: publishedRules },
  );

  test("the result does not depend on the order of the models, and a replay gives the same bits", () => {
    fc.assert(
      fc.property(anyCompetition, anyModels, fc.integer(), (competition, models, rotation) => {
        const first = judge(competition, models);
        const at = models.length === 0 ? 0 : Math.abs(rotation) % models.length;
        expect(judge(competition, [...models.slice(at), ...models.slice(0, at)])).toEqual(first);
      }),
    );
  });

  test("weights are parts of 1, and the repaired rules pay no failed model and no duplicate", () => {
    fc.assert(
      fc.property(anyCompetition, anyModels, (competition, models) => {
        const { standings, roundWeights } = judge(competition, models);
        const sum = roundWeights.reduce((total, { weight }) => total + weight, 0);
        expect(sum === 0 || Math.abs(sum - 1) < 1e-12).toBe(true);
        if (competition.rules === publishedRules) return;
        for (const { outcome, weight } of standings) if (outcome !== "scored") expect(weight).toBe(0);
        expect(sum > 0).toBe(standings.some(({ outcome }) => outcome === "scored"));
      }),
    );
  });
});
