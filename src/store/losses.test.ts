import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { startEvaluation } from "./evaluations.ts";
import { appendLosses, readLosses, readLossesOf } from "./losses.ts";
import { recordModel } from "./models.ts";
import { startRound } from "./rounds.ts";
import { storeRules } from "./rules.ts";
import { digestSamples, readSamples, type StoredSample, storeSamples } from "./samples.ts";
import { openStore } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "store-losses-"));
const store = await openStore({ path: join(folder, "state.sqlite"), mode: "write", create: true });
const { digest, competitionDigests } = await storeRules(store, {
  definition: { competitions: [{ id: 4 }] },
  competitions: [{ competitionId: 4, name: "four", definition: { id: 4 }, tasks: [] }],
});
const round = await startRound(store, {
  competitionId: 4,
  competitionDigest: competitionDigests[0]!,
  ruleSetDigest: digest,
  syncBlock: 360,
  syncBlockHash: `0x${"ab".repeat(32)}`,
  seed: 2n ** 255n + 1n,
});
let made = 0;

afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

async function newEvaluation(): Promise<number> {
  const modelId = await recordModel(store, { repo: `owner/model-${made++}`, revision: "0".repeat(40) });
  return (await startEvaluation(store, { roundId: round.id, modelId, task: "FINEWEB" })).id;
}

test("losses come back bit for bit, in whatever portions they were appended", async () => {
  const loss = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(Number.POSITIVE_INFINITY, 5e-324, 3, 0));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(loss, { maxLength: 7 }), { maxLength: 6 }), async (portions) => {
      const id = await newEvaluation();
      const all: number[] = [];
      for (const portion of portions) {
        await appendLosses(store, id, all.length, portion);
        all.push(...portion.map((value) => (value === 0 ? 0 : value)));
      }
      const read = await readLosses(store, id);
      expect(Buffer.from(read.buffer).equals(Buffer.from(Float64Array.from(all).buffer))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a batch is stored once, without gaps, and never as NaN", async () => {
  const id = await newEvaluation();
  await appendLosses(store, id, 0, [1, 2, 3]);
  expect(appendLosses(store, id, 2, [9])).rejects.toThrow("does not follow");
  expect(appendLosses(store, id, 4, [9])).rejects.toThrow("does not follow");
  expect(appendLosses(store, id, 3, [4, Number.NaN])).rejects.toThrow("not a number");
  expect([...(await readLosses(store, id))]).toEqual([1, 2, 3]);
  expect((await readLossesOf(store, [id, 999_999])).get(999_999)).toEqual(new Float64Array(0));
});

test("a loss costs at most 40 bytes on disk", async () => {
  const id = await newEvaluation();
  const before = pages();
  await appendLosses(
    store,
    id,
    0,
    Float64Array.from({ length: 100_000 }, () => Math.random() * 10),
  );
  expect(((pages() - before) * 4096) / 100_000).toBeLessThanOrEqual(40);
});

function pages(): number {
  return store.maintenance.pragma("page_count")[0]!.page_count as number;
}

test("samples come back as they were stored, once, with a digest of what they ask", async () => {
  const ids = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 20 });
  const question: fc.Arbitrary<StoredSample["question"]> = fc.oneof(
    fc.record({ kind: fc.constant("loss" as const), ids, scoredFrom: fc.nat(20) }),
    fc.record({
      kind: fc.constant("generation" as const),
      prompt: ids,
      newTokensMax: fc.nat(200),
      repetitionPenalty: fc.constantFrom(1, 1.1, 1.2),
      endIds: ids,
    }),
  );
  const sample = fc.record({ batch: fc.nat(5), question, reference: fc.option(fc.string(), { nil: undefined }) });
  let task = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(sample, { maxLength: 5 }), async (samples) => {
      const set = { roundId: round.id, task: `task-${task++}`, tokenizer: "t", samples };
      const stored = await storeSamples(store, set);
      expect(stored.digest).toBe(digestSamples(samples));
      expect(await readSamples(store, stored.id)).toEqual(samples);
      expect((await storeSamples(store, { ...set, samples: [] })).id).toBe(stored.id);
    }),
    { numRuns: 60 },
  );
});

test("a seed of 256 bits survives", () => {
  expect(round.seed).toBe((2n ** 255n + 1n).toString());
});
