/**
 * The one file that knows SQLite: opens a connection, spells what other databases spell differently, and turns the library's
 * exceptions into sentences. Everything else talks to Kysely.
 */
import { readFileSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { type CompiledQuery, Kysely, SqliteDialect, type SqliteStatement, sql } from "kysely";
import type { Dialect } from "../../migrations/migration.ts";
import { messageOf, OperatorError } from "../base/errors.ts";
import { storeFailure } from "./failure.ts";
import type { Schema, TableName } from "./schema.ts";

export interface Connection {
  readonly db: Kysely<Schema>;
  readonly bulk: Bulk;
  /** The value of a PRAGMA, one row an element. */
  readonly pragma: (text: string) => readonly Readonly<Record<string, unknown>>[];
  /** Bytes on disk by table, indexes included, largest first. Reads every page's header. */
  readonly tableSizes: () => readonly { readonly table: string; readonly sizeBytes: number }[];
  readonly columns: (table: TableName) => readonly Column[];
  /** What the database's own check of its pages and of its foreign keys complains about; empty when all is well. */
  readonly complaints: () => readonly string[];
  /** Gives free pages back to the file system. */
  readonly compact: () => void;
  /** Writes a compact copy of the last committed state to a file that does not exist yet. */
  readonly copyTo: (path: string) => void;
  readonly close: () => void;
}

export interface Column {
  readonly name: string;
  /** As the dialect's own types are called, in capitals. */
  readonly type: string;
  readonly mayBeNull: boolean;
}

/** Statements where a promise and an object for every row would cost more than the row. Everything is synchronous. */
export interface Bulk {
  /**
   * Runs a statement once for every list of parameters, in one transaction; the query's own parameters are only an
   * example. What is committed survives a power cut, since the log is synced. With "process end" the sync is left to the
   * next commit: the rows survive whatever happens to the process, and a power cut only from then on.
   */
  readonly runEach: (
    query: CompiledQuery,
    rows: Iterable<readonly unknown[]>,
    survives?: "power cut" | "process end",
  ) => void;
  /** Visits rows one by one; what `visit` has seen stays seen when a damaged page ends the walk with an exception. */
  readonly walk: (query: CompiledQuery, visit: (row: Readonly<Record<string, unknown>>) => void) => void;
  /** The first column of every row. */
  readonly column: (query: CompiledQuery) => unknown[];
}

export const sqliteDialect: Dialect = {
  integer: "integer",
  real: "real",
  text: "text",
  bytes: "blob",
  rows: sql`strict`,
  keyed: sql`strict, without rowid`,
};

/** The first bytes of every SQLite file. */
export const fileSignature = "SQLite format 3\u0000";

/** How long a statement waits for another connection before it gives up as busy. */
const busyTimeoutMs = 10_000;

/** Long enough to outlast `db info`, which takes the lock for an instant to see whether it is free. */
const lockWaitMs = 500;

/**
 * Opens a file. `write` creates it when it is absent. Throws `OperatorError` for everything that the file system or the
 * file can refuse.
 */
export function connect(path: string, mode: "read" | "write"): Connection {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw storeFailure(error, path);
    }
  };
  const database = attempt(() => openFile(path, mode));
  attempt(() => {
    // The file may come from somebody else: functions named in its schema must not run, cells are checked when read.
    database.pragma("trusted_schema = OFF");
    database.pragma("cell_size_check = ON");
    if (mode === "write") {
      database.pragma("journal_mode = WAL");
      // A salt that was stored before its weights were sent must survive a power cut: FULL syncs the log at every commit.
      database.pragma("synchronous = FULL");
      database.pragma("foreign_keys = ON");
    }
  });
  const dialect = new SqliteDialect({
    database: { close: () => database.close(), prepare: (text) => guarded(text, database, attempt) },
  });
  const prepare = memoised((text) => database.prepare(text));
  return {
    db: new Kysely<Schema>({ dialect }),
    bulk: {
      runEach: (query, rows, survives = "power cut") =>
        attempt(() => {
          const statement = prepare(query.sql);
          const runAll = () => {
            for (const row of rows) statement.run(row as unknown[]);
          };
          if (database.inTransaction) return runAll();
          if (survives === "process end") database.pragma("synchronous = NORMAL");
          try {
            database.transaction(runAll)();
          } finally {
            if (survives === "process end") database.pragma("synchronous = FULL");
          }
        }),
      walk: (query, visit) =>
        attempt(() => {
          for (const row of database.prepare(query.sql).iterate(query.parameters as unknown[]))
            visit(row as Readonly<Record<string, unknown>>);
        }),
      column: (query) =>
        attempt(() =>
          prepare(query.sql)
            .pluck()
            .all(query.parameters as unknown[]),
        ),
    },
    pragma: (text) => attempt(() => database.pragma(text) as Readonly<Record<string, unknown>>[]),
    tableSizes: () => attempt(() => tableSizes(database)),
    columns: (table) => attempt(() => columns(database, table)),
    complaints: () => attempt(() => complaints(database)),
    compact: () =>
      attempt(() => {
        database.exec("vacuum");
        database.pragma("wal_checkpoint(TRUNCATE)");
      }),
    copyTo: (target) => attempt(() => void database.prepare("vacuum into ?").run(target)),
    close: () => database.close(),
  };
}

/**
 * Takes the right to write for as long as this process lives, or returns undefined when another process has it. SQLite's
 * own file lock on a file beside the state is the lock: the operating system drops it with the process, however that
 * ends, and readers of the state never look at it. The file stays empty and is left in place: deleting it would let two
 * processes hold locks on two files of the same name.
 */
export function takeLock(path: string, waitMs = lockWaitMs): { readonly release: () => void } | undefined {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { timeout: waitMs });
    database.exec("begin immediate");
    const held = database;
    return { release: () => held.close() };
  } catch (error) {
    database?.close();
    if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return undefined;
    throw new OperatorError(
      `The lock file ${path} cannot be written (${messageOf(error)}).`,
      "Check the permissions of its folder, and whether the file system is mounted read-only.",
    );
  }
}

function openFile(path: string, mode: "read" | "write"): Database.Database {
  if (mode === "write") return new Database(path, { timeout: busyTimeoutMs });
  const database = new Database(path, { readonly: true, timeout: busyTimeoutMs });
  try {
    // The first look at the file, and no look at its tables: `db check` must get past a damaged list of them.
    database.pragma("schema_version");
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && "code" in error && /^SQLITE_(CANTOPEN|READONLY)/.test(String(error.code)))
      return openFrozen(path);
    throw error;
  }
}

/**
 * Opens a file in a folder where nothing can be written, so that the log's index cannot lie beside it. Nobody else writes
 * there either: the file is read into memory, its header changed to that of a file without a log.
 */
function openFrozen(path: string): Database.Database {
  const logBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (logBytes > 0 || statSync(path).size > frozenBytesMax)
    throw new OperatorError(
      `${path} lies in a folder that cannot be written, and ${logBytes > 0 ? "has an unmerged log" : "is too large to be read whole"}.`,
      "Copy it to a folder that you may write, with its -wal file if there is one.",
    );
  const content = readFileSync(path);
  const journalModeAt = 18;
  content.fill(1, journalModeAt, journalModeAt + 2);
  return new Database(content, { readonly: true });
}

const frozenBytesMax = 2 ** 30;

function tableSizes(database: Database.Database): { readonly table: string; readonly sizeBytes: number }[] {
  const rows = database
    .prepare(
      `select coalesce(s.tbl_name, d.name) as "table", sum(d.pgsize) as sizeBytes
       from dbstat d left join sqlite_schema s on s.name = d.name
       where d.aggregate = true group by 1 order by 2 desc`,
    )
    .all();
  return rows as { readonly table: string; readonly sizeBytes: number }[];
}

function columns(database: Database.Database, table: TableName): Column[] {
  const rows = database.pragma(`table_info(${table})`) as { name: string; type: string; notnull: number; pk: number }[];
  return rows.map(({ name, type, notnull, pk }) => ({ name, type, mayBeNull: notnull === 0 && pk === 0 }));
}

/** Each examination by itself: where one cannot go on because of the damage, what the others found still counts. */
function complaints(database: Database.Database): string[] {
  const found = [complainOfPages, complainOfOrphans, complainOfStatements].flatMap((examine) => {
    try {
      return examine(database);
    } catch (error) {
      return [messageOf(error)];
    }
  });
  return [...new Set(found)];
}

function complainOfPages(database: Database.Database): string[] {
  const pages = database.pragma("integrity_check(100)") as { readonly integrity_check: string }[];
  return pages.map((row) => row.integrity_check).filter((text) => text !== "ok");
}

function complainOfOrphans(database: Database.Database): string[] {
  const orphans = database.pragma("foreign_key_check") as { readonly table: string; readonly parent: string }[];
  const counts = Map.groupBy(orphans, ({ table, parent }) => `${table} refers to rows of ${parent} that do not exist`);
  return [...counts].map(([text, rows]) => `${rows.length} × ${text}`);
}

/** A file from a stranger must not bring statements along that run when somebody writes to it. */
function complainOfStatements(database: Database.Database): string[] {
  const strange = database
    .prepare("select type, name from sqlite_schema where type in ('trigger', 'view') or sql like 'create virtual%'")
    .all() as { readonly type: string; readonly name: string }[];
  return strange.map(({ type, name }) => `it has a ${type} called ${name}, which finetune never makes`);
}

/** A statement whose exceptions are sentences. */
function guarded(text: string, database: Database.Database, attempt: <T>(work: () => T) => T): SqliteStatement {
  // A full disk makes SQLite roll back by itself; Kysely's rollback would then fail, and hide why.
  if (text === "rollback" && !database.inTransaction) return nothingToDo;
  const statement = attempt(() => database.prepare(text));
  return {
    reader: statement.reader,
    all: (parameters) => attempt(() => statement.all(parameters as unknown[])),
    run: (parameters) => attempt(() => statement.run(parameters as unknown[])),
    iterate: (parameters) => attempt(() => statement.iterate(parameters as unknown[])),
  };
}

const nothingToDo: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

function memoised<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}
