/** What a round drew comes back as it was, once, and only as long as it is needed. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type NewDraw, readDraw, recordDraw } from "./draws.ts";
import { readPages } from "./pages.ts";
import { abandonRound, startRound } from "./rounds.ts";
import { storeRules } from "./rules.ts";
import { openStore } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "store-draws-"));
const store = await openStore({ path: join(folder, "state.sqlite"), mode: "write", create: true });
const rules = await storeRules(store, {
  definition: {},
  competitions: [{ competitionId: 1, name: "one", definition: {}, tasks: [] }],
});
let syncBlock = 0;

afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

async function newRound(): Promise<number> {
  syncBlock += 20;
  const { competitionDigests, digest: ruleSetDigest } = rules;
  const round = { competitionId: 1, competitionDigest: competitionDigests[0]!, ruleSetDigest, syncBlock };
  return (await startRound(store, { ...round, syncBlockHash: "0x", seed: 1n })).id;
}

const drawn = (...texts: unknown[]): NewDraw => ({ state: "drawn", texts });
const partsOf = async (roundId: number) =>
  (
    await store.db
      .selectFrom("draw_parts")
      .innerJoin("draws", "draws.id", "draw_parts.draw_id")
      .select(["part", "digest"])
      .where("round_id", "=", roundId)
      .execute()
  ).length;

test("texts come back as they were: line ends, half surrogates, nothing at all", async () => {
  const text = fc.record({ kind: fc.constant("document"), text: fc.string({ unit: "binary" }) });
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 8 }), async (texts) => {
      const place = { roundId: await newRound(), task: "t" };
      await recordDraw(store, place, drawn(...texts), []);
      expect(await readDraw(store, place)).toEqual(drawn(...texts));
    }),
    { numRuns: 40 },
  );
  const place = { roundId: await newRound(), task: "t" };
  await recordDraw(store, place, drawn("a\nb\r\n\u2028c", "\ud800", ""), []);
  expect(await readDraw(store, place)).toEqual(drawn("a\nb\r\n\u2028c", "\ud800", ""));
});

test("many megabytes are kept in parts", async () => {
  const place = { roundId: await newRound(), task: "t" };
  const texts = Array.from({ length: 12 }, (_, index) => String(index).padEnd(1_000_000, "abc "));
  await recordDraw(store, place, drawn(...texts), []);
  expect(await partsOf(place.roundId)).toBe(3);
  expect(await readDraw(store, place)).toEqual(drawn(...texts));
});

test("what was drawn first stays, with its pages; so does that a task was dropped", async () => {
  const roundId = await newRound();
  const page = { task: "t", source: "jsonl", page: 1, state: "used" } as const;
  await recordDraw(store, { roundId, task: "t" }, drawn("first"), [page]);
  await recordDraw(store, { roundId, task: "t" }, drawn("second"), [page, { ...page, page: 2 }]);
  expect(await readDraw(store, { roundId, task: "t" })).toEqual(drawn("first"));
  expect(await readPages(store, roundId)).toHaveLength(1);
  await recordDraw(store, { roundId, task: "u" }, { state: "dropped", reason: "away" }, []);
  await recordDraw(store, { roundId, task: "u" }, drawn("late"), []);
  expect(await readDraw(store, { roundId, task: "u" })).toEqual({ state: "dropped", reason: "away" });
  expect(await readDraw(store, { roundId, task: "v" })).toBeUndefined();
});

test("a closed round keeps the digest and gives up the texts", async () => {
  const roundId = await newRound();
  await recordDraw(store, { roundId, task: "t" }, drawn("one", "two"), []);
  expect(await partsOf(roundId)).toBe(1);
  await abandonRound(store, roundId, "for the test");
  expect(await partsOf(roundId)).toBe(0);
  const row = await store.db.selectFrom("draws").selectAll().where("round_id", "=", roundId).executeTakeFirstOrThrow();
  expect(row).toMatchObject({ texts: 2, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

test("texts that are not what was stored are never used", async () => {
  const place = { roundId: await newRound(), task: "t" };
  await recordDraw(store, place, drawn("one", "two"), []);
  const { id } = await store.db
    .selectFrom("draws")
    .select("id")
    .where("round_id", "=", place.roundId)
    .executeTakeFirstOrThrow();
  const other = [Buffer.from("no zstd"), Bun.zstdCompressSync('"one"\n'), Bun.zstdCompressSync('"one"\n"2"\n')];
  for (const texts of other) {
    await store.db.updateTable("draw_parts").set({ texts }).where("draw_id", "=", id).execute();
    expect(await readDraw(store, place)).toMatchObject({ state: "damaged", reason: expect.stringContaining(" of t ") });
  }
  await store.db.deleteFrom("draw_parts").where("draw_id", "=", id).execute();
  expect(await readDraw(store, place)).toMatchObject({ state: "damaged" });
});
