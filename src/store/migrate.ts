/** Brings a state file up to the tables that this program knows: a backup first, then all pending migrations or none. */
import { existsSync } from "node:fs";
import type { Kysely } from "kysely";
import { migrations } from "../../migrations/index.ts";
import { backupTo } from "./backup.ts";
import { type Connection, sqliteDialect } from "./database.ts";
import type { Schema } from "./schema.ts";

/** How a file's migrations compare with the program's. */
export type MigrationState =
  | { readonly kind: "empty" }
  | { readonly kind: "foreign" }
  | { readonly kind: "current"; readonly applied: readonly string[] }
  | { readonly kind: "older"; readonly applied: readonly string[]; readonly pending: readonly string[] }
  | { readonly kind: "newer"; readonly applied: readonly string[]; readonly unknown: readonly string[] };

export async function migrationState(db: Kysely<Schema>): Promise<MigrationState> {
  const tables = await db.introspection.getTables();
  if (tables.length === 0) return { kind: "empty" };
  if (!tables.some((table) => table.name === "migrations")) return { kind: "foreign" };
  const rows = await db.selectFrom("migrations").select("name").orderBy("name").execute();
  const applied = rows.map((row) => row.name);
  const unknown = applied.filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0) return { kind: "newer", applied, unknown };
  const pending = Object.keys(migrations).filter((name) => !applied.includes(name));
  return pending.length === 0 ? { kind: "current", applied } : { kind: "older", applied, pending };
}

export interface Migrated {
  readonly applied: readonly string[];
  /** The file as it was before; undefined for a new file and for one that was up to date. */
  readonly backup: string | undefined;
}

export const unchanged: Migrated = { applied: [], backup: undefined };

/**
 * Applies what is pending; the state must be neither foreign nor newer.
 */
export async function migrate(connection: Connection, path: string): Promise<Migrated> {
  const state = await migrationState(connection.db);
  if (state.kind === "current") return unchanged;
  const pending = state.kind === "older" ? state.pending : Object.keys(migrations);
  let backup: string | undefined;
  if (state.kind === "older") {
    backup = freeName(`${path}.before-${pending[0]}`);
    await backupTo(connection, backup);
  }
  await connection.db.transaction().execute(async (db) => {
    await db.schema
      .createTable("migrations")
      .ifNotExists()
      .addColumn("name", sqliteDialect.text, (column) => column.primaryKey().notNull())
      .addColumn("applied_at", sqliteDialect.integer, (column) => column.notNull())
      .modifyEnd(sqliteDialect.keyed)
      .execute();
    for (const name of pending) {
      await migrations[name]!.up(db as unknown as Kysely<unknown>, sqliteDialect);
      await db.insertInto("migrations").values({ name, applied_at: Date.now() }).execute();
    }
  });
  return { applied: pending, backup };
}

/** A name that no file has yet: an earlier attempt's backup is never overwritten. */
function freeName(base: string): string {
  for (let count = 0; ; count++) {
    const name = count === 0 ? base : `${base}.${count}`;
    if (!existsSync(name)) return name;
  }
}
