/** What is left when a writer is killed, the disk is full, or a page is damaged. Real files, real processes. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { checkFile, salvage } from "./check.ts";
import { connect } from "./database.ts";
import { readLosses } from "./losses.ts";
import { openStore } from "./store.ts";

setDefaultTimeout(60_000);
let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "store-durable-"));
  path = join(folder, "state.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The loss that batch n must have, so that a mix-up shows. */
const lossOf = (batch: number) => Math.sqrt(batch) + 1 / 3;

const source = (file: string) => JSON.stringify(join(import.meta.dir, file));

/** Goes on where the file stops, a few losses at a time, and prints the count after each that is acknowledged. */
const writer = (until: number, portionMax = 5) => `
  const { openStore } = await import(${source("store.ts")});
  const { storeRules } = await import(${source("rules.ts")});
  const { startRound } = await import(${source("rounds.ts")});
  const { recordModel } = await import(${source("models.ts")});
  const { startEvaluation } = await import(${source("evaluations.ts")});
  const { appendLosses, readLosses } = await import(${source("losses.ts")});
  try {
    const store = await openStore({ path: ${JSON.stringify(path)}, mode: "write", create: true });
    const rules = await storeRules(store, { definition: {}, competitions: [{ competitionId: 1, name: "one", definition: {}, tasks: [] }] });
    const round = await startRound(store, { competitionId: 1, competitionDigest: rules.competitionDigests[0], ruleSetDigest: rules.digest, syncBlock: 1, syncBlockHash: "0x", seed: 1n });
    const modelId = await recordModel(store, { repo: "a/b", revision: "c" });
    const { id } = await startEvaluation(store, { roundId: round.id, modelId, task: "t" });
    let count = (await readLosses(store, id)).length;
    while (count < ${until}) {
      const portion = Array.from({ length: 1 + (count % ${portionMax}) }, (_, index) => Math.sqrt(count + index) + 1 / 3);
      await appendLosses(store, id, count, portion);
      count += portion.length;
      process.stdout.write(count + "\\n");
    }
    await store.close();
  } catch (error) {
    process.stdout.write("refused: " + error.message + "\\n");
  }`;

async function storedLosses(): Promise<Float64Array> {
  const store = await openStore({ path, mode: "read" });
  try {
    return await readLosses(store, 1);
  } finally {
    await store.close();
  }
}

test("a writer killed at 25 random moments loses no acknowledged loss and leaves no lock", async () => {
  let acknowledged = 0;
  let kills = 0;
  for (; kills < 25; kills++) {
    const child = Bun.spawn([process.execPath, "-e", writer(1_000_000)], { stdout: "pipe", stderr: "pipe" });
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const reading = (async () => {
      let text = "";
      for await (const chunk of child.stdout) {
        text += new TextDecoder().decode(chunk);
        start();
      }
      start();
      return text;
    })();
    // The first kills hit the opening and the migration, the later ones the writing.
    if (kills < 5) await Bun.sleep(40 + Math.random() * 120);
    else await started.then(() => Bun.sleep(Math.random() * 60));
    child.kill("SIGKILL");
    const text = await reading;
    await child.exited;
    expect(text).not.toContain("refused");
    // A line that the kill cut in two is no acknowledgement.
    const whole = text.slice(0, text.lastIndexOf("\n") + 1).trim();
    if (whole !== "") acknowledged = Number(whole.split("\n").at(-1));
  }
  const losses = await storedLosses();
  expect(acknowledged).toBeGreaterThan(0);
  expect(losses.length).toBeGreaterThanOrEqual(acknowledged);
  expect([...losses].every((loss, batch) => loss === lossOf(batch))).toBe(true);
  expect((await checkFile(path)).sound).toBe(true);
});

test("a transaction that finds the disk full says so, and leaves nothing behind", async () => {
  const script = `
    const { openStore } = await import(${source("store.ts")});
    const { recordEvent } = await import(${source("events.ts")});
    const store = await openStore({ path: ${JSON.stringify(path)}, mode: "write", create: true });
    const event = { level: "info", kind: "test", message: "x".repeat(1000) };
    await recordEvent(store, event);
    try {
      await store.transaction(async (inner) => {
        for (;;) await recordEvent(inner, event);
      });
    } catch (error) {
      console.log(error.name + ": " + error.message);
    }
    console.log((await store.db.selectFrom("events").selectAll().execute()).length);`;
  const shell = `trap "" XFSZ; ulimit -f 2000; exec "$0" -e "$1"`;
  const child = Bun.spawnSync(["bash", "-c", shell, process.execPath, script], { stderr: "pipe" });
  expect(child.stdout.toString()).toMatch(/^OperatorError: There is no space left to write .*state\.sqlite\.\n1\n$/);
});

test("a full disk is said in a sentence, and what was acknowledged is kept", async () => {
  // The signal that a file over its limit raises is ignored, so that the write fails as on a full disk.
  const shell = `trap "" XFSZ; ulimit -f 700; exec "$0" -e "$1"`;
  const child = Bun.spawnSync(["bash", "-c", shell, process.execPath, writer(1_000_000)], { stderr: "pipe" });
  const lines = child.stdout.toString().trim().split("\n");
  expect(lines.at(-1)).toMatch(/^refused: There is no space left to write .*state\.sqlite\.$/);
  const acknowledged = Number(lines.at(-2));
  expect(acknowledged).toBeGreaterThan(100);
  const losses = await storedLosses();
  expect(losses.length).toBeGreaterThanOrEqual(acknowledged);
  expect([...losses].every((loss, batch) => loss === lossOf(batch))).toBe(true);
  expect((await checkFile(path)).sound).toBe(true);

  const further = Bun.spawnSync([process.execPath, "-e", writer(acknowledged + 50)]);
  expect(further.stdout.toString()).not.toContain("refused");
  expect((await storedLosses()).length).toBeGreaterThanOrEqual(acknowledged + 50);
});

test("a damaged page costs that page: check says which rows, salvage saves the others", async () => {
  Bun.spawnSync([process.execPath, "-e", writer(3000, 400)]);
  const whole = await storedLosses();
  await damage("losses", (pages) => pages[Math.floor(pages.length / 2)]!);

  const report = await checkFile(path);
  expect(report.sound).toBe(false);
  expect(report.complaints.length).toBeGreaterThan(0);
  const damaged = report.tables.filter(({ gap }) => gap !== undefined);
  expect(damaged.map(({ table }) => table)).toEqual(["losses"]);
  expect(damaged[0]!.gap!.after).toMatch(/^evaluation_id 1, batch \d+$/);
  expect(damaged[0]!.readable).toBeLessThan(whole.length);
  expect(damaged[0]!.readable).toBeGreaterThan(whole.length - 600);
  expect(report.tables.find(({ table }) => table === "models")!.readable).toBe(1);

  const rescued = join(folder, "rescued.sqlite");
  const saved = await salvage(path, rescued);
  expect(saved.find(({ table }) => table === "losses")!.kept).toBe(damaged[0]!.readable);
  const store = await openStore({ path: rescued, mode: "read" });
  const rows = await store.db.selectFrom("losses").selectAll().execute();
  expect(rows.every(({ batch, loss }) => loss === lossOf(batch))).toBe(true);
  await store.close();
  // The rescued file is sound as a database; what it lacks is said by name.
  const after = await checkFile(rescued);
  expect(after.complaints).toEqual([]);
  expect(after.disagreements.join()).toContain("evaluation 1 has");
});

test("rows that SQLite makes of garbage are no rows: neither counted nor saved", async () => {
  Bun.spawnSync([process.execPath, "-e", writer(100, 50)]);
  const [page] = await leavesOf("models");
  const descriptor = openSync(path, "r+");
  // Behind the page's header lie the places of its rows; the file format says nothing against these.
  writeSync(descriptor, "garbagegarbage", (page! - 1) * 4096 + 8);
  closeSync(descriptor);
  const report = await checkFile(path);
  expect(report.sound).toBe(false);
  expect(report.complaints.join()).toContain("evaluations refers to rows of models that do not exist");
  const models = report.tables.find(({ table }) => table === "models");
  expect(models).toMatchObject({ readable: 0, gap: { after: "the beginning", before: "the end" } });
  const saved = await salvage(path, join(folder, "rescued.sqlite"));
  expect(saved.find(({ table }) => table === "models")!.kept).toBe(0);
});

test("a damaged index costs no row, and is said", async () => {
  Bun.spawnSync([process.execPath, "-e", writer(100, 50)]);
  await damage("evaluations_model", ([page]) => page!);
  const report = await checkFile(path);
  expect(report.sound).toBe(false);
  expect(report.complaints.length).toBeGreaterThan(0);
  expect(report.tables.filter(({ gap }) => gap !== undefined)).toEqual([]);
});

test("a damaged list of tables is said, not thrown", async () => {
  Bun.spawnSync([process.execPath, "-e", writer(100, 50)]);
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, Buffer.alloc(3000, 0xff), 0, 3000, 100);
  closeSync(descriptor);
  const report = await checkFile(path);
  expect(report.sound).toBe(false);
  expect(report.tables).toEqual([]);
  expect(openStore({ path, mode: "read" })).rejects.toThrow("is damaged");
  expect(salvage(path, join(folder, "rescued.sqlite"))).rejects.toThrow("cannot be read");
});

test("a file that is cut short is told by what is missing", async () => {
  Bun.spawnSync([process.execPath, "-e", writer(100, 50)]);
  const { size } = statSync(path);
  truncateSync(path, size - 8192);
  const report = await checkFile(path);
  expect(report.sound).toBe(false);
  expect(report.complaints).toEqual(["the file is cut short: its last 8192 bytes are missing"]);
});

/** Overwrites one leaf page of a table. */
async function damage(table: string, choose: (pages: readonly number[]) => number): Promise<void> {
  const page = choose(await leavesOf(table));
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096);
  closeSync(descriptor);
}

/** The numbers of the pages that hold a table's rows, or an index's entries. */
async function leavesOf(name: string): Promise<readonly number[]> {
  const connection = connect(path, "write");
  connection.pragma("wal_checkpoint(TRUNCATE)");
  const { rows } = await sql<{ pageno: number }>`
    select pageno from dbstat where name = ${name} and pagetype = 'leaf' order by pageno`.execute(connection.db);
  connection.close();
  return rows.map(({ pageno }) => pageno);
}
