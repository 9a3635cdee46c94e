import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSyntheticState } from "../../test/fixtures/synthetic-state.ts";
import { builtInCompetitions } from "../competition/built-in.ts";
import type { Competition } from "../competition/competition.ts";
import { judgeRound } from "../competition/round.ts";
import { readLeaderboards, readUidHistory } from "../store/leaderboard.ts";
import { latestAverages } from "../store/results.ts";
import { readRoundInput } from "../store/round-input.ts";
import { findRound } from "../store/rounds.ts";
import { readCompetition } from "../store/rules.ts";
import { openStore, type Store } from "../store/store.ts";
import { explain } from "./explain.ts";
import { explainWords, ranges, rivalTable } from "./explain-words.ts";

setDefaultTimeout(60_000);
const folder = mkdtempSync(join(tmpdir(), "explain-"));
let store: Store;

beforeAll(async () => {
  const path = join(folder, "state.sqlite");
  await makeSyntheticState({ path, rounds: 12, models: 12, batches: 20, seed: 3 });
  store = await openStore({ path, mode: "read" });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const ask = (uid: number, block?: number) => explain(store, { uid, block, withConfidence: false });

describe("the numbers of an explanation", () => {
  test("add up to the standing: every match is in the rivals' batches", async () => {
    for (let uid = 0; uid < 12; uid++) {
      const found = (await ask(uid))!;
      if (found.standing!.outcome === "duplicate") continue;
      const won = found.rivals.reduce((total, rival) => total + rival.won, 0);
      expect(won).toBe(found.standing!.wins);
      expect(found.rivals.length * 20).toBe(found.standing!.matches);
      for (const { tasks, lost } of found.rivals) expect(tasks[0]!.lostBatches.length).toBe(lost);
    }
  });

  test("the needed reduction makes it first, and a little less does not", async () => {
    const uid = 8;
    const found = (await ask(uid))!;
    const round = (await findRound(store, { competitionId: 1, syncBlock: found.syncBlock }))!;
    const input = await readRoundInput(store, round, round.metagraph_block!);
    const competition = (await readCompetition(store, round.competition_digest))!.definition as Competition;
    const previousAverages = await latestAverages(store, 1, round.sync_block);
    const rankWith = (reduction: number) => {
      const models = input.models.map((model) => {
        const result = model.perTask.ARITHMETIC!;
        if (model.uid !== uid || result.kind !== "losses") return model;
        const losses = result.losses.map((loss) => loss * (1 - reduction));
        return { ...model, perTask: { ARITHMETIC: { kind: "losses" as const, losses } } };
      });
      const verdict = judgeRound({ ...input, models, competition, previousAverages });
      return verdict.standings.find((standing) => standing.uid === uid)!.rank;
    };
    expect(rankWith(found.needed!.reduction)).toBe(1);
    expect(rankWith(found.needed!.reduction - 1e-5)).toBeGreaterThan(1);
  });

  test("the average is made as said", async () => {
    const { weight } = (await ask(2))!;
    expect(weight.average).toBe(weight.alpha * weight.averageBefore! + (1 - weight.alpha) * weight.round);
  });
});

describe("in words", () => {
  test("the best knows that it is", async () => {
    expect(explainWords((await ask(0))!).at(-1)).toBe("It was the best of the round.");
  });

  test("one that repeats another's parameters is told whose", async () => {
    const found = (await ask(5))!;
    expect(explainWords(found).join("\n")).toContain("Its parameters are those of uid 2");
    expect(rivalTable(found).rows).toEqual([]);
  });

  test("one whose evaluation failed is told why", async () => {
    const words = explainWords((await ask(10, 180))!).join("\n");
    expect(words).toContain("Its ARITHMETIC failed: out-of-memory.");
    expect(words).toContain("Its score is ∞");
  });

  test("confidence is said on request only", async () => {
    const sure = (await explain(store, { uid: 8, withConfidence: true }))!;
    expect(explainWords(sure).join("\n")).toContain("with a probability of");
    expect(explainWords((await ask(8))!).join("\n")).not.toContain("probability");
    expect(sure.rivals[0]!.confidence!.batches).toBe(20);
  });

  test("batches are named as ranges", () => {
    expect(ranges([0, 1, 2, 5, 7, 8])).toBe("0–2, 5, 7–8");
    expect(ranges([])).toBe("");
  });
});

test("an unknown uid has no explanation", async () => {
  expect(await ask(999)).toBeUndefined();
});

test("rounds by score, with several tasks, are explained too", async () => {
  const path = join(folder, "latest.sqlite");
  await makeSyntheticState({
    path,
    rounds: 4,
    models: 12,
    batches: 8,
    seed: 3,
    file: builtInCompetitions("sn37-latest"),
  });
  const latest = await openStore({ path, mode: "read" });
  try {
    for (let uid = 0; uid < 12; uid++) {
      const found = (await explain(latest, { uid, withConfidence: true }))!;
      expect(found.rivals.reduce((total, rival) => total + rival.won, 0)).toBe(found.standing!.wins);
      expect(explainWords(found).length).toBeGreaterThan(4);
    }
  } finally {
    await latest.close();
  }
});

test("the leaderboard and the history say the same as the rows", async () => {
  const [board] = await readLeaderboards(store);
  expect(board!.rows.map(({ rank }) => rank)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  expect(board!.rows.reduce((total, { subnetWeight }) => total + subnetWeight, 0)).toBeCloseTo(1, 12);
  for (const row of board!.rows) {
    const [newest] = await readUidHistory(store, row.uid, 1);
    expect(newest).toMatchObject({ rank: row.rank, score: row.score, winRate: row.winRate, hotkey: row.hotkey });
  }
  // Uid 3 changed hands: its first hotkey's rounds are still told apart.
  const hotkeys = new Set((await readUidHistory(store, 3, 100)).map(({ hotkey }) => hotkey));
  expect([...hotkeys]).toEqual(["hotkey-3-second", "hotkey-3"]);
});
