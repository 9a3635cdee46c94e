/**
 * Opens a state file: `openStore({path, mode})`. One process writes, any number read.
 *
 * The order matters. The path is examined before SQLite may touch it, so that a file that is not ours stays as it is; the
 * lock is taken before the file is opened for writing, so that two writers never migrate at once; migrations come before
 * the first query, since queries know the newest tables only.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, statSync } from "node:fs";
import { hostname } from "node:os";
import type { Kysely } from "kysely";
import { version } from "../../package.json";
import { assert } from "../base/assert.ts";
import { OperatorError } from "../base/errors.ts";
import { type Bulk, type Connection, connect, takeLock } from "./database.ts";
import { examine } from "./examine.ts";
import { type Migrated, migrate, migrationState, unchanged } from "./migrate.ts";
import type { Schema } from "./schema.ts";

export interface Store {
  readonly path: string;
  readonly mode: "read" | "write";
  readonly db: Kysely<Schema>;
  /** Everything that `work` writes through the store that it is given is kept, or nothing is. Nested calls join. */
  readonly transaction: <T>(work: (store: Store) => Promise<T>) => Promise<T>;
  /** Runs synchronous statements while no other query is under way on this connection. */
  readonly bulk: <T>(work: (bulk: Bulk) => T) => Promise<T>;
  readonly maintenance: Pick<Connection, "pragma" | "copyTo" | "tableSizes" | "complaints" | "compact">;
  /** What opening for writing has applied, and the backup that it made first. */
  readonly migrated: Migrated;
  /** Idempotent. A writer gives up its lock. */
  readonly close: () => Promise<void>;
}

export interface OpenOptions {
  readonly path: string;
  readonly mode: "read" | "write";
  /** With "write": a missing file is made. */
  readonly create?: boolean;
}

/** Opens a state file. Throws `OperatorError` with what to do; a file that is refused is left untouched. */
export async function openStore({ path, mode, create = false }: OpenOptions): Promise<Store> {
  const file = examine(path, mode === "write" && create);
  if (mode === "read") {
    const connection = connect(file, mode);
    try {
      await requireCurrent(connection, file);
    } catch (error) {
      connection.close();
      throw error;
    }
    return storeOver({ connection, path: file, mode, migrated: unchanged, release: () => {} });
  }
  const lock = takeLock(`${file}-lock`);
  if (lock === undefined) throw await alreadyWritten(file);
  try {
    // Looked at once more before the first write: opening for writing changes the file's header.
    if (existsSync(file)) await refuseForeign(file);
    const connection = connect(file, mode);
    try {
      const migrated = await migrate(connection, file);
      const writer = { pid: process.pid, host: hostname(), version, started_at: Date.now() };
      await connection.db.insertInto("writers").values(writer).execute();
      return storeOver({ connection, path: file, mode, migrated, release: lock.release });
    } catch (error) {
      connection.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Refuses what a newer program or another one made, through a connection that cannot write. */
async function refuseForeign(file: string): Promise<void> {
  if (statSync(file).size === 0) return;
  const connection = connect(file, "read");
  try {
    const state = await migrationState(connection.db);
    if (state.kind === "foreign") throw foreign(file);
    if (state.kind === "newer") throw newer(file, state.unknown);
  } finally {
    connection.close();
  }
}

async function requireCurrent(connection: Connection, file: string): Promise<void> {
  const state = await migrationState(connection.db);
  if (state.kind === "foreign" || state.kind === "empty") throw foreign(file);
  if (state.kind === "newer") throw newer(file, state.unknown);
  if (state.kind === "older")
    throw new OperatorError(
      `${file} was made by an older version of finetune.`,
      `Run \`finetune db migrate --db ${file}\`: it makes a backup first.`,
    );
}

function foreign(file: string): OperatorError {
  return new OperatorError(
    `${file} is a SQLite database, but not a state of finetune.`,
    "Give the path of a state file with --db, or of a file that does not exist yet.",
  );
}

function newer(file: string, unknown: readonly string[]): OperatorError {
  return new OperatorError(
    `${file} was written by a newer version of finetune (this one, ${version}, does not know ${unknown.join(", ")}).`,
    "Use that version, or go back to the backup that it made beside the file.",
  );
}

/** Names the process that writes the file, as far as the file says. */
async function alreadyWritten(file: string): Promise<OperatorError> {
  const todo = "Stop it first, or give this one another file with --db; commands that only read work at any time.";
  if (existsSync(file) && statSync(file).size > 0) {
    const connection = connect(file, "read");
    try {
      const last = await connection.db
        .selectFrom("writers")
        .selectAll()
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirst();
      if (last !== undefined)
        return new OperatorError(
          `${file} is written by process ${last.pid} on ${last.host} since ${new Date(last.started_at).toISOString()}.`,
          todo,
        );
    } catch {
      // The other process is making the tables at this moment: it has a lock, but no name yet.
    } finally {
      connection.close();
    }
  }
  return new OperatorError(`${file} is written by another process.`, todo);
}

interface Opened extends Pick<Store, "path" | "mode" | "migrated"> {
  readonly connection: Connection;
  readonly release: () => void;
}

function storeOver({ connection, path, mode, migrated, release }: Opened): Store {
  let closed = false;
  // There is one connection: who asks for it inside a transaction, but past the transaction's store, would wait for ever.
  const current = new AsyncLocalStorage<{ open: boolean }>();
  const assertOutside = () =>
    assert(current.getStore()?.open !== true, "inside a transaction only the store that it hands out is used");
  const store: Store = {
    path,
    mode,
    get db() {
      assertOutside();
      return connection.db;
    },
    maintenance: connection,
    migrated,
    transaction: async (work) => {
      assertOutside();
      return connection.db.transaction().execute(async (db) => {
        const span = { open: true };
        const inner: Store = {
          path,
          mode,
          db,
          maintenance: connection,
          migrated,
          transaction: (nested) => nested(inner),
          bulk: async (direct) => {
            assert(span.open, "a transaction's store was used after the transaction");
            return direct(connection.bulk);
          },
          close: () => store.close(),
        };
        try {
          return await current.run(span, () => work(inner));
        } finally {
          span.open = false;
        }
      });
    },
    // Kysely hands out the only connection to one user at a time: holding it keeps these statements out of a transaction
    // that another part of the program has open, which might yet be rolled back.
    bulk: async (work) => {
      assertOutside();
      return connection.db.connection().execute(async () => work(connection.bulk));
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await connection.db.destroy();
      connection.close();
      release();
    },
  };
  return store;
}
