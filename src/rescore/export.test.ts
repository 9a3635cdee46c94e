import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parquetReadObjects } from "hyparquet";
import { CompiledQuery } from "kysely";
import { makeSyntheticState } from "../../test/fixtures/synthetic-state.ts";
import { connect } from "../store/database.ts";
import { writeStep } from "../store/journal.ts";
import { openStore } from "../store/store.ts";
import { prepareSubmission } from "../store/submissions.ts";
import { compareStates } from "./compare-states.ts";
import { exportable, exportState, exportTable } from "./export.ts";
import { importState } from "./import.ts";
import { rescore } from "./rescore.ts";
import { type Cell, type Columns, tableFormats, writeTable } from "./tabular.ts";

setDefaultTimeout(60_000);
const folder = mkdtempSync(join(tmpdir(), "export-"));
const path = join(folder, "state.sqlite");
const options = { path, rounds: 5, models: 11, batches: 6, seed: 9 };
const { signal } = new AbortController();
let files = 0;
const newFile = () => join(folder, `out-${files++}`);

beforeAll(() => makeSyntheticState(options));
afterAll(() => rmSync(folder, { recursive: true }));

async function parquetRows(file: string): Promise<Record<string, unknown>[]> {
  const bytes = readFileSync(file);
  return parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) });
}

const columns: Columns = { whole: "integer", real: "real", text: "text" };
const cell = (value: fc.Arbitrary<Cell>) => fc.option(value, { nil: null });
const row = fc.tuple(
  cell(fc.maxSafeInteger()),
  cell(fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))),
  cell(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('a,"b"', "two\r\nlines", "", "inf"))),
);

test("Parquet and JSON lines give every cell back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
      const [parquet, lines] = [newFile(), newFile()];
      for (const [format, file] of [
        ["parquet", parquet],
        ["jsonl", lines],
      ] as const) {
        const table = writeTable(format, columns, file);
        for (const cells of rows) await table.write(cells);
        await table.end();
      }
      const expected = rows.map(([whole, real, text]) => ({ whole, real: real === 0 ? 0 : real, text }));
      const read = await parquetRows(parquet);
      expect(
        read.map(({ whole, real, text }) => ({
          whole: whole === null ? null : Number(whole),
          real: real === 0 ? 0 : real,
          text,
        })),
      ).toEqual(expected as never);
      const parsed = readFileSync(lines, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
      const asText = (real: Cell) =>
        typeof real === "number" && !Number.isFinite(real) ? (real > 0 ? "inf" : "-inf") : real;
      expect(parsed).toEqual(expected.map((each) => ({ ...each, real: asText(each.real) })));
    }),
    { numRuns: 40 },
  );
});

test("CSV quotes what needs it", async () => {
  const file = newFile();
  const table = writeTable("csv", columns, file);
  await table.write([1, Number.POSITIVE_INFINITY, 'a,"b"\r\n']);
  await table.write([null, 0.1, ""]);
  await table.end();
  expect(readFileSync(file, "utf8")).toBe('whole,real,text\r\n1,inf,"a,""b""\r\n"\r\n,0.1,\r\n');
});

test("a table of many row groups is whole, and an existing file is not overwritten", async () => {
  const file = newFile();
  const table = writeTable("parquet", columns, file);
  for (let index = 0; index < 120_000; index++) await table.write([index, index / 7, `row ${index}`]);
  await table.end();
  const rows = await parquetRows(file);
  expect(rows.length).toBe(120_000);
  expect(rows[119_999]).toEqual({ whole: 119_999n, real: 119_999 / 7, text: "row 119999" });
  const second = writeTable("csv", columns, file);
  expect(second.end()).rejects.toThrow("exists already");
});

test("every table exports in every format, with the same number of rows", async () => {
  const store = await openStore({ path, mode: "read" });
  for (const [name, table] of Object.entries(exportable)) {
    const counts = new Set<number>();
    for (const format of tableFormats)
      counts.add(await exportTable(store, table, writeTable(format, table.columns, newFile()), signal));
    expect([name, counts.size]).toEqual([name, 1]);
    expect([...counts][0]).toBeGreaterThan(0);
  }
  await store.close();
});

test("a published state has no secrets, is taken in whole and replays bit for bit", async () => {
  const owner = await openStore({ path, mode: "write" });
  await writeStep(owner, "publish:hotkey", "token", "hf_secret");
  const salt = new TextEncoder().encode("a salt that nobody may know");
  await prepareSubmission(owner, { block: 1, hotkey: "v", mode: "hash-commit", versionKey: 1, salt, weights: [] });
  const published = newFile();
  await exportState(owner, published);
  await owner.close();
  const bytes = readFileSync(published);
  expect(bytes.includes("a salt that nobody may know")).toBe(false);
  expect(bytes.includes("hf_secret")).toBe(false);
  expect(readdirSync(folder).filter((name) => name.includes("unpublished"))).toEqual([]);

  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(Bun.file(published)) });
  const target = newFile();
  const source = `http://127.0.0.1:${server.port}/published.sqlite`;
  try {
    expect(importState({ source, target, bytesMax: 1000, signal })).rejects.toThrow("larger than 1000 bytes");
    expect(await importState({ source, target, bytesMax: 1e9, signal })).toBe(bytes.length);
    expect(importState({ source, target, bytesMax: 1e9, signal })).rejects.toThrow("exists already");
  } finally {
    await server.stop(true);
  }
  const [mine, theirs] = [await openStore({ path, mode: "read" }), await openStore({ path: target, mode: "read" })];
  expect((await rescore(theirs, { variants: [] })).differences).toEqual([]);
  const { rounds, onlyFirst } = await compareStates(mine, theirs, 0);
  expect(rounds.length).toBe(5);
  expect(onlyFirst).toEqual([]);
  expect(
    rounds.every(
      ({ sameSamples, notes, lossesDifferent }) => sameSamples && notes.length === 0 && lossesDifferent === 0,
    ),
  ).toBe(true);
  await mine.close();
  await theirs.close();
});

test("what is not a sound state is not taken in", async () => {
  const scenarios: readonly (readonly [string, Buffer, string])[] = [
    ["a page", Buffer.from("<html>not found</html>"), "is not a SQLite database"],
    ["half a file", readFileSync(path).subarray(0, 40_960), "is not sound (the file is cut short"],
    ["a file with a trigger", withTrigger(), "is not sound (it has a trigger called sneaky"],
  ];
  for (const [name, content, says] of scenarios) {
    const source = newFile();
    writeFileSync(source, content);
    const target = newFile();
    expect(importState({ source, target, bytesMax: 1e9, signal })).rejects.toThrow(says);
    await importState({ source, target, bytesMax: 1e9, signal }).catch(() => {});
    expect([name, existsSync(target)]).toEqual([name, false]);
  }
});

/** The state, with a statement in it that would run when a writer opens it. */
function withTrigger(): Buffer {
  const file = newFile();
  copyFileSync(path, file);
  const connection = connect(file, "write");
  connection.bulk.runEach(
    CompiledQuery.raw("create trigger sneaky after insert on writers begin delete from losses; end"),
    [[]],
  );
  connection.pragma("wal_checkpoint(TRUNCATE)");
  connection.close();
  return readFileSync(file);
}

test("two states that differ are told apart: samples, losses, contenders, winners", async () => {
  const other = newFile();
  await makeSyntheticState({ ...options, path: other, seed: 10 });
  const store = await openStore({ path: other, mode: "write" });
  await store.db.updateTable("sample_sets").set({ digest: "other" }).where("round_id", "=", 2).execute();
  await store.db.updateTable("contenders").set({ state: "refused", reason: "norm" }).where("uid", "=", 1).execute();
  const mine = await openStore({ path, mode: "read" });
  const { rounds } = await compareStates(mine, store, 0);
  const notes = rounds[1]!.notes.join("; ");
  expect(rounds[1]!.sameSamples).toBe(false);
  expect(rounds[0]!.sameSamples).toBe(true);
  expect(notes).toContain("the samples of ARITHMETIC (tokenizer synthetic) differ");
  expect(notes).toContain("uid 1 contends and refused (norm)");
  expect(notes).toMatch(/miner-0\/model@0+ on ARITHMETIC differs on 6 batches, first on batch 0/);
  expect(rounds[1]!.lossDifferenceMax).toBeLessThan(0.4);
  expect((await compareStates(mine, store, 0.4)).rounds[1]!.lossesDifferent).toBe(0);
  await mine.close();
  await store.close();
});
