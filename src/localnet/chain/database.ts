/**
 * Blocks and states on disk: one SQLite file. A block and all that it changed are one transaction, so a process killed
 * at any moment continues from a whole block. Every version of a value is kept for `historyBlocks` blocks.
 */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Changes, type StateView, viewOf } from "./state.ts";

export interface StoredBlock {
  readonly number: number;
  /** 0x-hex of 32 bytes. */
  readonly hash: string;
  readonly header: Uint8Array;
  /** SCALE of Vec<Vec<u8>>: the extrinsics. */
  readonly body: Uint8Array;
}

const pruneIntervalBlocks = 64;

export class ChainDatabase {
  private readonly database: Database;

  /** @param folder where `chain.sqlite` is or will be; undefined keeps everything in memory. */
  constructor(
    folder: string | undefined,
    private readonly historyBlocks: number,
  ) {
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
    this.database = new Database(folder === undefined ? ":memory:" : join(folder, "chain.sqlite"), { strict: true });
    // First, so that the pragmas below wait too where somebody is just reading a copy.
    this.database.run("PRAGMA busy_timeout = 5000");
    // A killed process loses nothing at NORMAL in WAL mode; only a power cut may cost the last blocks.
    this.database.run("PRAGMA journal_mode = WAL");
    this.database.run("PRAGMA synchronous = NORMAL");
    this.database.run(
      "CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, header BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    );
    this.database.run(
      "CREATE TABLE IF NOT EXISTS storage (key BLOB NOT NULL, block INTEGER NOT NULL, value BLOB, PRIMARY KEY (key, block)) STRICT, WITHOUT ROWID",
    );
    this.database.run("CREATE INDEX IF NOT EXISTS storage_by_block ON storage (block)");
    this.database.run("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT");
  }

  close(): void {
    this.database.close();
  }

  setting(name: string): string | undefined {
    const row = this.database.query("SELECT value FROM settings WHERE name = ?").get(name) as { value: string } | null;
    return row?.value;
  }

  setSetting(name: string, value: string): void {
    this.database.query("INSERT OR REPLACE INTO settings VALUES (?, ?)").run(name, value);
  }

  /** Writes a block and what it changed, and forgets versions that are older than the history. */
  append(block: StoredBlock, changes: Changes): void {
    this.database.transaction(() => {
      this.database
        .query("INSERT INTO blocks VALUES (?, ?, ?, ?)")
        .run(block.number, bytesOf(block.hash), block.header, block.body);
      const insert = this.database.query("INSERT OR REPLACE INTO storage VALUES (?, ?, ?)");
      for (const [key, value] of changes) insert.run(Uint8Array.fromHex(key), block.number, value ?? null);
      if (block.number % pruneIntervalBlocks === 0) this.prune(block.number - this.historyBlocks);
    })();
  }

  /** Takes the newest blocks above `number` back, with all that they changed. */
  truncate(number: number): void {
    this.database.transaction(() => {
      this.database.query("DELETE FROM blocks WHERE number > ?").run(number);
      this.database.query("DELETE FROM storage WHERE block > ?").run(number);
    })();
  }

  block(number: number): StoredBlock | undefined {
    return read(this.database.query("SELECT * FROM blocks WHERE number = ?").get(number));
  }

  blockByHash(hash: string): StoredBlock | undefined {
    return read(this.database.query("SELECT * FROM blocks WHERE hash = ?").get(bytesOf(hash)));
  }

  head(): StoredBlock | undefined {
    return read(this.database.query("SELECT * FROM blocks ORDER BY number DESC LIMIT 1").get());
  }

  /** The newest value of every key. */
  current(): Map<string, Uint8Array> {
    const values = new Map<string, Uint8Array>();
    // With a bare column beside max(), SQLite takes it from the row that holds the maximum.
    const rows = this.database.query("SELECT key, max(block), value FROM storage GROUP BY key");
    for (const row of rows.iterate() as Iterable<{ key: Uint8Array; value: Uint8Array | null }>) {
      if (row.value !== null) values.set(row.key.toHex(), row.value);
    }
    return values;
  }

  /** The state after block `number`. */
  at(number: number): StateView {
    const query = this.database.query(
      "SELECT value FROM storage WHERE key = ? AND block <= ? ORDER BY block DESC LIMIT 1",
    );
    return viewOf(
      (key) => (query.get(Uint8Array.fromHex(key), number) as { value: Uint8Array | null } | null)?.value ?? undefined,
    );
  }

  /** Up to `count` keys with values after block `number` that begin with `prefix` and come after `start`; hex without 0x. */
  keysPaged(number: number, { prefix, start, count }: { prefix: string; start: string; count: number }): string[] {
    const next = this.database.query("SELECT key FROM storage WHERE key > ? ORDER BY key LIMIT 1");
    const view = this.at(number);
    const keys: string[] = [];
    let key = start > prefix ? start : prefix;
    if (key === prefix && view.raw(prefix) !== undefined && start < prefix) keys.push(prefix);
    while (keys.length < count) {
      const row = next.get(Uint8Array.fromHex(key)) as { key: Uint8Array } | null;
      if (row === null) break;
      key = row.key.toHex();
      if (!key.startsWith(prefix)) break;
      if (view.raw(key) !== undefined) keys.push(key);
    }
    return keys;
  }

  /** The oldest block whose state is still whole. */
  oldestState(): number {
    return Number(this.setting("oldest-state") ?? 0);
  }

  private prune(cutoff: number): void {
    const oldest = this.oldestState();
    if (cutoff <= oldest) return;
    // A version is needed until a newer one of the same key is itself at or below the cutoff.
    const superseding = this.database
      .query("SELECT key, max(block) AS block FROM storage WHERE block > ? AND block <= ? GROUP BY key")
      .all(oldest, cutoff) as { key: Uint8Array; block: number }[];
    const forget = this.database.query("DELETE FROM storage WHERE key = ? AND block < ?");
    for (const { key, block } of superseding) forget.run(key, block);
    this.setSetting("oldest-state", String(cutoff));
  }
}

function bytesOf(hash: string): Uint8Array {
  return Uint8Array.fromHex(hash.slice(2));
}

function read(row: unknown): StoredBlock | undefined {
  if (row === null) return undefined;
  const { number, hash, header, body } = row as {
    number: number;
    hash: Uint8Array;
    header: Uint8Array;
    body: Uint8Array;
  };
  return { number, hash: `0x${hash.toHex()}`, header, body };
}
