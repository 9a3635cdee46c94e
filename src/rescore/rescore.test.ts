import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addRounds, makeSyntheticState, syntheticRules } from "../../test/fixtures/synthetic-state.ts";
import { builtInCompetitions } from "../competition/built-in.ts";
import type { CompetitionFile } from "../competition/competition.ts";
import { prune } from "../store/prune.ts";
import { openStore } from "../store/store.ts";
import { sentenceOf } from "./differences.ts";
import { rescore } from "./rescore.ts";
import { parseChange, type VariantOptions, variantsOf } from "./variant.ts";

setDefaultTimeout(60_000);
const folder = mkdtempSync(join(tmpdir(), "rescore-"));
const path = join(folder, "state.sqlite");
const options = { path, rounds: 14, models: 16, batches: 24, seed: 5 };

beforeAll(() => makeSyntheticState(options));
afterAll(() => rmSync(folder, { recursive: true }));

const nothing: VariantOptions = { changes: [], grid: [], excludedUids: [] };

async function rescored(variant: Partial<VariantOptions> = {}, selection = {}, file = path) {
  const store = await openStore({ path: file, mode: "read" });
  try {
    const asked = { ...nothing, ...variant };
    return await rescore(store, { variants: Object.keys(variant).length === 0 ? [] : variantsOf(asked), selection });
  } finally {
    await store.close();
  }
}

describe("unchanged, every stored number comes back bit for bit", () => {
  const sn37 = builtInCompetitions("sn37-latest");
  const files: readonly (readonly [string, CompetitionFile])[] = [
    ["per batch, softmax", syntheticRules()],
    ["the demo", builtInCompetitions("demo")],
    ["per score, winner, two competitions in turn", sn37],
    ["launch", builtInCompetitions("sn37-launch")],
  ];
  for (const [name, file] of files)
    test(name, async () => {
      const state = join(folder, `${file.name}.sqlite`);
      await makeSyntheticState({ ...options, path: state, file });
      const result = await rescored({}, {}, state);
      expect(result.differences.map(sentenceOf)).toEqual([]);
      expect(result.count.rounds).toBe(14);
      expect(result.variants[0]!.earnings.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
    });

  test("a part of the rounds alone, growing out of the stored averages", async () => {
    const result = await rescored({}, { fromBlock: 120, toBlock: 200 });
    expect(result.count.rounds).toBe(5);
    expect(result.differences).toEqual([]);
  });

  test("after pruning, what is left", async () => {
    const state = join(folder, "pruned.sqlite");
    await makeSyntheticState({ ...options, path: state, rounds: 6 });
    const store = await openStore({ path: state, mode: "write" });
    const pruned = await prune(store, Date.now() + 1);
    expect(pruned.rounds).toBe(5);
    await addRounds(store, { ...options, rounds: 3, fromRound: 7 });
    await store.close();
    const result = await rescored({}, {}, state);
    expect(result.count).toMatchObject({ rounds: 4, pruned: 5 });
    expect(result.differences).toEqual([]);
  });
});

test("a changed number is named", async () => {
  const state = join(folder, "changed.sqlite");
  await makeSyntheticState({ ...options, path: state, rounds: 3 });
  const store = await openStore({ path: state, mode: "write" });
  await store.db
    .updateTable("losses")
    .set({ loss: 0.001 })
    .where("evaluation_id", "=", 4)
    .where("batch", "=", 2)
    .execute();
  await store.db
    .updateTable("subnet_weights")
    .set({ weight: 0.5 })
    .where("round_id", "=", 3)
    .where("uid", "=", 2)
    .execute();
  await store.close();
  const sentences = (await rescored({}, {}, state)).differences.map(sentenceOf);
  expect(
    sentences.some((text) => /^competition 1, block 20, uid 3: ARITHMETIC raw: stored [\d.]+, replayed/.test(text)),
  ).toBe(true);
  expect(sentences.some((text) => /block 60, uid 2: subnet weight: stored 0\.5,/.test(text))).toBe(true);
});

describe("with changes", () => {
  test("a variant that sets what is stored changes nothing", async () => {
    const { variants } = await rescored({ changes: [parseChange("epsilon.start=0.01", "set")] });
    expect(variants[1]!.earnings).toEqual(variants[0]!.earnings);
  });

  test("a grid gives a variant per combination", async () => {
    const grid = [
      { path: "epsilon.start", values: ["0.01", "0.2"] },
      { path: "winRate", values: ["per-batch", "per-score"] },
    ];
    const { variants } = await rescored({ grid });
    expect(variants.map(({ name }) => name)).toEqual([
      "as stored",
      "epsilon.start=0.01 winRate=per-batch",
      "epsilon.start=0.01 winRate=per-score",
      "epsilon.start=0.2 winRate=per-batch",
      "epsilon.start=0.2 winRate=per-score",
    ]);
    expect(variants[4]!.earnings).not.toEqual(variants[0]!.earnings);
  });

  test("without a uid, it earns nothing and the others more", async () => {
    const { variants } = await rescored({ excludedUids: [0] });
    expect(variants[0]!.earnings.some(({ uid, weight }) => uid === 0 && weight > 0)).toBe(true);
    expect(variants[1]!.earnings.some(({ uid }) => uid === 0)).toBe(false);
  });

  test("another kind of rule replaces the old one whole", async () => {
    const changes = ["roundWeights.kind=winner", "epsilon.kind=fixed", "epsilon.value=0.3"];
    const { variants } = await rescored({ changes: changes.map((text) => parseChange(text, "set")) });
    expect(variants[1]!.earnings.filter(({ roundsWon }) => roundsWon > 0).length).toBeGreaterThan(0);
  });

  test("a competition file replaces the rules; one that does not run the competition pays nobody", async () => {
    const { variants } = await rescored({ file: builtInCompetitions("sn37-latest") });
    expect(variants[1]!.earnings.every(({ weight }) => weight === 0)).toBe(true);
  });

  const mistakes: readonly (readonly [string, string])[] = [
    ["epsilon.begin=0.1", 'Unrecognized key: "begin"'],
    ["movingAverage.beta=0.1", "there is no `beta`"],
    ["epsilno.start=0.1", "there is no `epsilno`"],
    ["epsilon.start=2", "epsilon.start"],
    ["winRate=sometimes", "winRate"],
    ["tasks.ARITHMETIC.weight=0.4", "sum to 0.4"],
    ["__proto__.x=1", "there is no `__proto__`"],
  ];
  for (const [text, says] of mistakes)
    test(`${text} is refused`, async () => {
      expect(rescored({ changes: [parseChange(text, "set")] })).rejects.toThrow(says);
    });
});

test("a file that another process writes can be re-scored", async () => {
  const state = join(folder, "written.sqlite");
  await makeSyntheticState({ ...options, path: state, rounds: 4 });
  const writer = await openStore({ path: state, mode: "write" });
  const writing = addRounds(writer, { ...options, rounds: 6, fromRound: 5 });
  for (let attempt = 0; attempt < 5; attempt++) {
    const { differences, count } = await rescored({}, {}, state);
    expect(differences).toEqual([]);
    expect(count.rounds).toBeGreaterThanOrEqual(4);
  }
  await writing;
  await writer.close();
  expect((await rescored({}, {}, state)).count.rounds).toBe(10);
});
