/**
 * Examines a state file, also a damaged one: what can still be read and what cannot, table by table, and whether the
 * rows agree with each other. `salvage` copies what can be read into a new file.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { type CompiledQuery, type Kysely, sql } from "kysely";
import { messageOf, OperatorError } from "../base/errors.ts";
import { type Connection, connect } from "./database.ts";
import { findDisagreements } from "./disagreements.ts";
import { examine } from "./examine.ts";
import { migrationState } from "./migrate.ts";
import { rowCheck } from "./row-shape.ts";
import type { Schema, TableName } from "./schema.ts";
import { openStore } from "./store.ts";

export interface TableReport {
  readonly table: TableName;
  /** Rows that can be read, from either end of the table. */
  readonly readable: number;
  /** Where reading stopped, from the front and from the back, as keys; absent when the whole table can be read. */
  readonly gap?: { readonly after: string; readonly before: string };
}

export interface CheckReport {
  readonly path: string;
  readonly sound: boolean;
  /** What the database says about its pages. */
  readonly complaints: readonly string[];
  readonly tables: readonly TableReport[];
  /** Rows that contradict each other, as sentences. */
  readonly disagreements: readonly string[];
}

/** Every table with its key, parents before children: the order in which rows can be inserted. */
const keys: Readonly<Record<Exclude<TableName, "migrations">, readonly string[]>> = {
  chain: ["id"],
  writers: ["id"],
  events: ["id"],
  journal: ["scope", "key"],
  rule_sets: ["digest"],
  competitions: ["digest"],
  tasks: ["competition_digest", "position"],
  neurons: ["id"],
  commitments: ["id"],
  models: ["id"],
  verdicts: ["model_id", "hotkey", "constraints_digest"],
  rounds: ["id"],
  pages: ["round_id", "task", "position"],
  draws: ["id"],
  draw_parts: ["draw_id", "part"],
  sample_sets: ["id"],
  samples: ["sample_set_id", "position"],
  contenders: ["id"],
  evaluations: ["id"],
  losses: ["evaluation_id", "batch"],
  standings: ["round_id", "uid"],
  task_scores: ["round_id", "uid", "task"],
  averages: ["round_id", "uid"],
  subnet_weights: ["round_id", "uid"],
  submissions: ["id"],
  submission_weights: ["submission_id", "uid"],
};
const tableNames = Object.keys(keys) as (keyof typeof keys)[];

/** Reads everything. Throws `OperatorError` only for a file that is no state file at all. */
export async function checkFile(path: string): Promise<CheckReport> {
  const file = examine(path, false);
  const connection = attemptToConnect(file);
  if (typeof connection === "string")
    return { path: file, sound: false, complaints: [connection], tables: [], disagreements: [] };
  try {
    const complaints = complain(connection);
    const known = await readableSchema(connection, file);
    if (!known) return { path: file, sound: false, complaints, tables: [], disagreements: [] };
    const tables = tableNames.map((table) => readTable(connection, table, () => {}));
    const sound = complaints.length === 0 && tables.every((table) => table.gap === undefined);
    const disagreements = sound ? await findDisagreements(connection.db) : [];
    return { path: file, sound: sound && disagreements.length === 0, complaints, tables, disagreements };
  } finally {
    connection.close();
  }
}

/** The connection, or why the very first page cannot be used. */
function attemptToConnect(file: string): Connection | string {
  try {
    return connect(file, "read");
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const header = readHeader(file);
    const missing = header.pages * header.pageBytes - statSync(file).size;
    return missing > 0 ? `the file is cut short: its last ${missing} bytes are missing` : messageOf(error);
  }
}

/** SQLite's file format, §1.3: the page size at offset 16 (1 means 65536), the number of pages at 28. */
function readHeader(file: string): { readonly pageBytes: number; readonly pages: number } {
  const header = Buffer.alloc(100);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, header, 0, 100, 0);
  } finally {
    closeSync(descriptor);
  }
  const pageBytes = header.readUInt16BE(16);
  return { pageBytes: pageBytes === 1 ? 65_536 : pageBytes, pages: header.readUInt32BE(28) };
}

/** Copies every row that can be read into a new file, and reports on both. Rows whose parent is lost are left out. */
export async function salvage(
  path: string,
  target: string,
): Promise<readonly (TableReport & { readonly kept: number })[]> {
  const file = examine(path, false);
  const source = connect(file, "read");
  try {
    if (!(await readableSchema(source, file)))
      throw new OperatorError(`The list of tables in ${file} cannot be read.`, "Go back to a backup.");
    const fresh = await openStore({ path: target, mode: "write", create: true });
    try {
      await fresh.db.deleteFrom("writers").execute();
      const reports = [];
      for (const table of tableNames) {
        const rows: Readonly<Record<string, unknown>>[] = [];
        const report = readTable(source, table, (row) => rows.push(row));
        reports.push({ ...report, kept: await fresh.transaction(({ db }) => insertAll(db, table, rows)) });
      }
      return reports;
    } finally {
      await fresh.close();
    }
  } finally {
    source.close();
  }
}

async function insertAll(
  db: Kysely<Schema>,
  table: TableName,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<number> {
  let kept = 0;
  for (const row of rows)
    try {
      await db
        .insertInto(table)
        .values(row as never)
        .execute();
      kept += 1;
    } catch (error) {
      if (!/constraint/i.test(messageOf(error))) throw error;
    }
  return kept;
}

function complain(connection: Connection): readonly string[] {
  try {
    return connection.complaints();
  } catch (error) {
    return [messageOf(error)];
  }
}

/** False when the list of tables itself is damaged. Throws for another program's file. */
async function readableSchema(connection: Connection, file: string): Promise<boolean> {
  try {
    const state = await migrationState(connection.db);
    if (state.kind === "current") return true;
    if (state.kind === "foreign" || state.kind === "empty")
      throw new OperatorError(`${file} is not a state of finetune.`, "Give the path of a state file with --db.");
    throw new OperatorError(
      `${file} was made by ${state.kind === "older" ? "an older" : "a newer"} version of finetune.`,
      state.kind === "older" ? `Run \`finetune db migrate --db ${file}\` first.` : "Use that version.",
    );
  } catch (error) {
    if (error instanceof OperatorError && !error.message.endsWith("is damaged.")) throw error;
    return false;
  }
}

/** Walks a table along its key from the front; where that fails, from the back, so that one bad page costs one page. */
function readTable(
  connection: Connection,
  table: keyof typeof keys,
  visit: (row: Readonly<Record<string, unknown>>) => void,
): TableReport {
  const front = walk(connection, table, "asc", undefined, visit);
  if (front.whole) return { table, readable: front.rows };
  const back = walk(connection, table, "desc", front.last, visit);
  return {
    table,
    readable: front.rows + back.rows,
    gap: { after: front.last ?? "the beginning", before: back.last ?? "the end" },
  };
}

function walk(
  connection: Connection,
  table: keyof typeof keys,
  direction: "asc" | "desc",
  until: string | undefined,
  visit: (row: Readonly<Record<string, unknown>>) => void,
): { readonly rows: number; readonly last: string | undefined; readonly whole: boolean } {
  let rows = 0;
  let last: string | undefined;
  try {
    const isRow = rowCheck(connection, table, { key: keys[table], direction });
    connection.bulk.walk(inKeyOrder(connection, table, direction), (row) => {
      if (!isRow(row)) throw new NoRow();
      const name = keys[table].map((column) => `${column} ${row[column]}`).join(", ");
      if (name === until) throw new Met();
      visit(row);
      rows += 1;
      last = name;
    });
    return { rows, last, whole: true };
  } catch (error) {
    if (!(error instanceof Met) && !(error instanceof NoRow) && !(error instanceof OperatorError)) throw error;
    return { rows, last, whole: false };
  }
}

/** The walk from the back has met what the walk from the front has read. */
class Met extends Error {}

/** What was read cannot be a row of this table. */
class NoRow extends Error {}

function inKeyOrder(connection: Connection, table: keyof typeof keys, direction: "asc" | "desc"): CompiledQuery {
  const order = keys[table].map((column) => sql`${sql.ref(column)} ${sql.raw(direction)}`);
  return sql`select * from ${sql.table(table)} order by ${sql.join(order)}`.compile(connection.db);
}
