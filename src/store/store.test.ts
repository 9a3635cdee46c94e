import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../migrations/index.ts";
import { OperatorError } from "../base/errors.ts";
import { backupTo } from "./backup.ts";
import { bindChain } from "./chain.ts";
import { checkFile } from "./check.ts";
import { connect, sqliteDialect } from "./database.ts";
import { readDraw, recordDraw } from "./draws.ts";
import { recordEvent } from "./events.ts";
import { describeStore } from "./info.ts";
import { findOpenRound, setTokenizerRevision } from "./rounds.ts";
import { openStore } from "./store.ts";

let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "store-open-"));
  path = join(folder, "state.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function makeState(): Promise<void> {
  await (await openStore({ path, mode: "write", create: true })).close();
}

function digest(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** What opening refuses with: the sentence and the hint. */
async function refusal(
  mode: "read" | "write",
  options: { create?: boolean; at?: string } = {},
): Promise<OperatorError> {
  try {
    const store = await openStore({ path: options.at ?? path, mode, create: options.create ?? false });
    await store.close();
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).hint).not.toBe("");
    return error as OperatorError;
  }
  throw new Error("it was opened");
}

describe("what is refused stays untouched", () => {
  const scenarios: readonly { name: string; content: Buffer | string; says: string }[] = [
    { name: "a text", content: "hello, this is no database at all", says: "is not a SQLite database" },
    { name: "a short file", content: "SQLite", says: "is not a SQLite database" },
    {
      name: "a header without pages",
      content: Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(4000)]),
      says: "is not a SQLite database",
    },
  ];
  for (const { name, content, says } of scenarios)
    for (const mode of ["read", "write"] as const)
      test(`${name}, opened to ${mode}`, async () => {
        writeFileSync(path, content);
        const before = digest(path);
        expect((await refusal(mode, { create: mode === "write" })).message).toContain(says);
        expect(digest(path)).toBe(before);
      });

  test("another program's database", async () => {
    const connection = connect(path, "write");
    await connection.db.schema.createTable("songs").addColumn("name", "text").execute();
    connection.close();
    const before = digest(path);
    for (const mode of ["read", "write"] as const)
      expect((await refusal(mode)).message).toContain("not a state of finetune");
    expect(digest(path)).toBe(before);
  });

  test("a state of a newer version, by the names that this one does not know", async () => {
    await makeState();
    const connection = connect(path, "write");
    await connection.db.insertInto("migrations").values({ name: "9999-later", applied_at: 1 }).execute();
    connection.close();
    const before = digest(path);
    for (const mode of ["read", "write"] as const) {
      const { message } = await refusal(mode);
      expect(message).toContain("newer version");
      expect(message).toContain("9999-later");
    }
    expect(digest(path)).toBe(before);
  });

  test("a missing folder, a folder, a missing file, an empty file", async () => {
    expect((await refusal("write", { create: true, at: join(folder, "no", "x.sqlite") })).message).toContain(
      "does not exist",
    );
    expect((await refusal("read", { at: folder })).message).toContain("is a folder");
    expect((await refusal("write")).message).toContain("There is no state file");
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, "");
    expect((await refusal("read")).message).toContain("is not a SQLite database");
  });
});

test("an empty file becomes a state when it may be created", async () => {
  writeFileSync(path, "");
  await makeState();
  const store = await openStore({ path, mode: "read" });
  expect((await describeStore(store)).migrations.map(({ name }) => name)).toEqual(Object.keys(migrations));
  await store.close();
});

test("a second writer is refused by the first one's name; readers are not", async () => {
  const writer = await openStore({ path, mode: "write", create: true });
  const { message } = await refusal("write");
  expect(message).toContain(`process ${process.pid} `);
  expect(message).toMatch(/since \d{4}-\d\d-\d\dT/);
  const reader = await openStore({ path, mode: "read" });
  await recordEvent(writer, { level: "info", kind: "test", message: "written while another reads" });
  expect((await reader.db.selectFrom("events").selectAll().execute()).length).toBe(1);
  expect((await describeStore(reader)).writer?.writing).toBe(true);
  expect(
    reader.db.insertInto("events").values({ at: 1, level: "info", kind: "", message: "" }).execute(),
  ).rejects.toThrow("cannot be written");
  await writer.close();
  expect((await describeStore(reader)).writer?.writing).toBe(false);
  await reader.close();
  await makeState();
});

test("a backup is taken while a writer writes, and never over another file", async () => {
  const writer = await openStore({ path, mode: "write", create: true });
  await recordEvent(writer, { level: "info", kind: "test", message: "kept" });
  const reader = await openStore({ path, mode: "read" });
  const copy = join(folder, "copy.sqlite");
  await backupTo(reader.maintenance, copy);
  expect(backupTo(reader.maintenance, copy)).rejects.toThrow("exists already");
  await reader.close();
  const restored = await openStore({ path: copy, mode: "write" });
  expect((await restored.db.selectFrom("events").select("message").execute())[0]?.message).toBe("kept");
  await restored.close();
  await writer.close();
});

test("an older state is migrated after a backup, and not without", async () => {
  await makeState();
  const connection = connect(path, "write");
  await connection.db.deleteFrom("migrations").execute();
  for (const { name } of await connection.db.introspection.getTables())
    if (name !== "migrations") {
      connection.pragma("foreign_keys = OFF");
      await connection.db.schema.dropTable(name).execute();
    }
  connection.close();
  expect((await refusal("read")).hint).toContain("db migrate");
  const store = await openStore({ path, mode: "write" });
  expect(store.migrated.applied).toEqual(Object.keys(migrations));
  expect(existsSync(store.migrated.backup!)).toBe(true);
  await store.close();
});

test("a state of the first version keeps its rows and learns to keep draws and the tokenizer's commit", async () => {
  const connection = connect(path, "write");
  await connection.db.transaction().execute(async (db) => {
    await migrations["0001-state"]!.up(db as never, sqliteDialect);
    await db.schema
      .createTable("migrations")
      .addColumn("name", "text", (column) => column.primaryKey().notNull())
      .addColumn("applied_at", "integer", (column) => column.notNull())
      .execute();
    await db.insertInto("migrations").values({ name: "0001-state", applied_at: 1 }).execute();
  });
  await connection.db.insertInto("rule_sets").values({ digest: "r", definition: "{}", stored_at: 1 }).execute();
  await connection.db
    .insertInto("competitions")
    .values({ digest: "c", competition_id: 1, name: "one", definition: "{}" })
    .execute();
  await connection.db
    .insertInto("rounds")
    .values({
      competition_id: 1,
      competition_digest: "c",
      rule_set_digest: "r",
      sync_block: 20,
      sync_block_hash: "0x",
      seed: "1",
      state: "open",
      started_at: 1,
    })
    .execute();
  connection.close();
  const store = await openStore({ path, mode: "write" });
  expect(store.migrated.applied).toEqual(["0002-draws", "0003-tokenizer-revision"]);
  expect(existsSync(store.migrated.backup!)).toBe(true);
  const round = (await findOpenRound(store))!;
  expect(round).toMatchObject({ sync_block: 20, tokenizer_revision: null });
  await setTokenizerRevision(store, round.id, "a".repeat(40));
  expect(await findOpenRound(store)).toEqual({ ...round, tokenizer_revision: "a".repeat(40) });
  const place = { roundId: round.id, task: "t" };
  expect(await readDraw(store, place)).toBeUndefined();
  await recordDraw(store, place, { state: "drawn", texts: ["kept"] }, []);
  expect(await readDraw(store, place)).toEqual({ state: "drawn", texts: ["kept"] });
  await store.close();
  expect((await checkFile(path)).sound).toBe(true);
});

test("a file is tied to one chain and subnet", async () => {
  const store = await openStore({ path, mode: "write", create: true });
  const genesisHash = `0x${"01".repeat(32)}`;
  await bindChain(store, { genesisHash, netuid: 37 });
  await bindChain(store, { genesisHash, netuid: 37 });
  expect(bindChain(store, { genesisHash, netuid: 38 })).rejects.toThrow("subnet 37, not 38");
  expect(bindChain(store, { genesisHash: `0x${"02".repeat(32)}`, netuid: 37 })).rejects.toThrow("another chain");
  await store.close();
});

test("a transaction is kept whole or not at all, also what went past Kysely", async () => {
  const store = await openStore({ path, mode: "write", create: true });
  const insert = store.db.insertInto("events").values({ at: 0, level: "info", kind: "", message: "" }).compile();
  const failing = store.transaction(async (inner) => {
    await recordEvent(inner, { level: "info", kind: "test", message: "one" });
    await inner.bulk((bulk) => bulk.runEach(insert, [[1, "info", "test", "two"]]));
    throw new Error("no");
  });
  // Started while the transaction is open: it must wait for it and not be swept away by its rollback.
  const beside = store.bulk((bulk) => bulk.runEach(insert, [[2, "info", "test", "beside"]]));
  expect(failing).rejects.toThrow("no");
  await failing.catch(() => {});
  await beside;
  const rows = await store.db.selectFrom("events").select("message").execute();
  expect(rows.map((row) => row.message)).toEqual(["beside"]);
  await store.close();
});

test("using the store itself inside its transaction is a mistake that is said, not a wait without end", async () => {
  const store = await openStore({ path, mode: "write", create: true });
  const past = (work: () => Promise<unknown>) => expect(store.transaction(work)).rejects.toThrow("only the store that");
  await past(() => store.db.selectFrom("events").selectAll().execute());
  await past(() => store.bulk(() => {}));
  await past(() => store.transaction(async () => {}));
  // Work that was begun inside, but goes on after the end, is outside again.
  let later: Promise<unknown> = Promise.resolve();
  await store.transaction(async () => {
    later = Bun.sleep(5).then(() => store.db.selectFrom("events").selectAll().execute());
  });
  expect(await later).toEqual([]);
  await store.close();
});

test("a state in a folder that cannot be written is read all the same", async () => {
  const frozen = join(folder, "frozen");
  mkdirSync(frozen);
  path = join(frozen, "state.sqlite");
  await makeState();
  rmSync(`${path}-lock`);
  chmodSync(folder, 0o755);
  chmodSync(frozen, 0o555);
  // Permissions do not bind root, so the reader is a child that gives its rights up.
  const script = `
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
    const { openStore } = await import(${JSON.stringify(join(import.meta.dir, "store.ts"))});
    const store = await openStore({ path: ${JSON.stringify(path)}, mode: "read" });
    console.log((await store.db.selectFrom("migrations").select("name").execute())[0].name);
    await store.close();
    await openStore({ path: ${JSON.stringify(path)}, mode: "write" }).catch((error) => console.log(error.message));`;
  const child = Bun.spawnSync([process.execPath, "-e", script], { stderr: "pipe" });
  chmodSync(frozen, 0o755);
  expect(child.stderr.toString()).toBe("");
  expect(child.stdout.toString()).toContain("0001-state\n");
  expect(child.stdout.toString()).toMatch(/cannot be (written|opened)/);
  expect(readdirSync(frozen)).toEqual(["state.sqlite"]);
});
