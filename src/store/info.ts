/** What a state file holds, in numbers: `finetune db info`. */
import { existsSync, statSync } from "node:fs";
import { migrations } from "../../migrations/index.ts";
import { type ChainIdentity, readChain } from "./chain.ts";
import { takeLock } from "./database.ts";
import { readEvents } from "./events.ts";
import type { Row, TableName } from "./schema.ts";
import type { Store } from "./store.ts";

export interface StoreInfo {
  readonly path: string;
  readonly sizeBytes: number;
  /** The log that is not yet merged into the file. */
  readonly logBytes: number;
  readonly migrations: readonly { readonly name: string; readonly summary: string; readonly appliedAt: number }[];
  readonly chain: ChainIdentity | undefined;
  /** The process that opened it for writing last, and whether it still writes; undefined when that cannot be seen. */
  readonly writer: (Omit<Row<"writers">, "id"> & { readonly writing: boolean | undefined }) | undefined;
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly sizeBytes: number }[];
  readonly rounds: Readonly<Record<string, number>>;
  readonly firstSyncBlock: number | undefined;
  readonly lastSyncBlock: number | undefined;
  /** The newest first. */
  readonly events: readonly Row<"events">[];
}

const eventsShown = 10;

export async function describeStore(store: Store): Promise<StoreInfo> {
  const { db } = store;
  const applied = await db.selectFrom("migrations").selectAll().orderBy("name").execute();
  const writer = await db.selectFrom("writers").selectAll().orderBy("id", "desc").limit(1).executeTakeFirst();
  const sizes = new Map(store.maintenance.tableSizes().map(({ table, sizeBytes }) => [table, sizeBytes]));
  const names = (await db.introspection.getTables()).map((table) => table.name as TableName);
  const tables = [];
  for (const table of names)
    tables.push({ table, rows: await countRows(store, table), sizeBytes: sizes.get(table) ?? 0 });
  const states = await db
    .selectFrom("rounds")
    .select(({ fn }) => ["state", fn.countAll<number>().as("count")])
    .groupBy("state")
    .execute();
  const blocks = await db
    .selectFrom("rounds")
    .select(({ fn }) => [fn.min("sync_block").as("first"), fn.max("sync_block").as("last")])
    .executeTakeFirstOrThrow();
  const log = `${store.path}-wal`;
  return {
    path: store.path,
    sizeBytes: statSync(store.path).size,
    logBytes: existsSync(log) ? statSync(log).size : 0,
    migrations: applied.map(({ name, applied_at }) => ({
      name,
      summary: migrations[name]?.summary ?? "",
      appliedAt: applied_at,
    })),
    chain: await readChain(store),
    writer: writer && {
      pid: writer.pid,
      host: writer.host,
      version: writer.version,
      started_at: writer.started_at,
      writing: store.mode === "write" || isLocked(store.path),
    },
    tables: tables.sort((a, b) => b.sizeBytes - a.sizeBytes),
    rounds: Object.fromEntries(states.map(({ state, count }) => [state, count])),
    firstSyncBlock: (blocks.first as number | null) ?? undefined,
    lastSyncBlock: (blocks.last as number | null) ?? undefined,
    events: await readEvents(store, eventsShown),
  };
}

async function countRows(store: Store, table: TableName): Promise<number> {
  const { count } = await store.db
    .selectFrom(table)
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return count;
}

/** The only way to see a lock is to try it: it is given back at once. */
function isLocked(path: string): boolean | undefined {
  if (!existsSync(`${path}-lock`)) return false;
  try {
    const lock = takeLock(`${path}-lock`, 0);
    lock?.release();
    return lock === undefined;
  } catch {
    return undefined;
  }
}
