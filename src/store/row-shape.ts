/**
 * Whether what a damaged file gives for a row can be one. SQLite reads a page whose cell pointers are garbage without a
 * word and makes rows of it that no statement could have written: of nulls, of other types, out of order.
 */
import type { Connection } from "./database.ts";
import type { TableName } from "./schema.ts";

type Row = Readonly<Record<string, unknown>>;

/** A check to be given the rows of a walk along the table's key, one after the other. */
export function rowCheck(
  connection: Connection,
  table: TableName,
  { key, direction }: { readonly key: readonly string[]; readonly direction: "asc" | "desc" },
): (row: Row) => boolean {
  const columns = connection.columns(table);
  let previous: Row | undefined;
  return (row) => {
    const before = previous;
    previous = row;
    if (!columns.every(({ name, type, mayBeNull }) => (row[name] === null ? mayBeNull : isOfType(row[name], type))))
      return false;
    if (before === undefined) return true;
    return direction === "asc" ? compareKeys(before, row, key) < 0 : compareKeys(row, before, key) < 0;
  };
}

/** The types of STRICT tables. */
function isOfType(value: unknown, type: string): boolean {
  if (type === "INTEGER" || type === "INT") return Number.isInteger(value) || typeof value === "bigint";
  if (type === "REAL") return typeof value === "number";
  if (type === "TEXT") return typeof value === "string";
  if (type === "BLOB") return value instanceof Uint8Array;
  return true;
}

/** As SQLite orders them: numbers by value, texts by their bytes. */
function compareKeys(a: Row, b: Row, key: readonly string[]): number {
  for (const column of key) {
    const [left, right] = [a[column], b[column]];
    const order =
      typeof left === "string" && typeof right === "string"
        ? Buffer.compare(Buffer.from(left), Buffer.from(right))
        : Number(left) - Number(right);
    if (order !== 0) return order;
  }
  return 0;
}
