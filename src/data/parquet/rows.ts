/**
 * Rows of a Parquet file, a few columns of some of them: no row group outside is touched. The library decodes whatever it
 * is given, and a stranger's page can make it loop or grow without end, so it does so in a process of its own
 * (`row-process.ts`), under limits of time and memory.
 */

import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import type { ChildLimits } from "../../base/process-limits.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Footer } from "./footer.ts";
import { decodeRows } from "./row-process.ts";

export type ParquetRow = Readonly<Record<string, unknown>>;

export interface RowChoice {
  readonly columns: readonly string[];
  /** By their numbers in the file, ascending. */
  readonly rows: readonly number[];
}

/** Of the wanted columns of one row group, uncompressed. */
const groupBytesMax = 2 ** 30;

/**
 * The rows, in order, as JSON would have them: integers beyond 2^53 are texts, times too. Texts must be UTF-8. Throws
 * `InterruptedError` when the source's signal aborts.
 */
export async function readRows(
  source: ByteSource,
  footer: Footer,
  choice: RowChoice,
  limits: Partial<ChildLimits> = {},
): Promise<ParquetRow[] | Invalid> {
  if (choice.rows.length === 0) return [];
  const fault = checkChoice(source, footer, choice);
  if (fault !== null) return fault;
  const rows = await decodeRows(source, { ...choice, footer: footer.bytes }, limits);
  if (isInvalid(rows)) return rows;
  if (rows.length === choice.rows.length) return rows;
  return invalid("wrong-row-count", `${source.name} gave ${rows.length} rows instead of ${choice.rows.length}.`);
}

/** The numbers from `from` up to, not including, `to`. */
export function rowsBetween(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

function checkChoice({ name }: ByteSource, footer: Footer, { columns, rows: wanted }: RowChoice): Invalid | null {
  const { metadata, rows } = footer;
  const [first, last] = [wanted[0]!, wanted.at(-1)!];
  if (first < 0 || last >= rows)
    return invalid("wrong-row-count", `${name} has ${rows} rows, so rows ${first} to ${last} are not there.`);
  const named = new Set(metadata.row_groups[0]?.columns.map(({ meta_data: column }) => column!.path_in_schema[0]));
  const missing = columns.find((column) => !named.has(column));
  if (missing !== undefined) return invalid("no-column", `${name} has no column ${missing}.`);
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const sizeBytes = group.columns.reduce((sum, { meta_data: column }) => {
      const isWanted = columns.includes(column!.path_in_schema[0]!);
      return isWanted
        ? sum + Math.max(Number(column!.total_uncompressed_size), Number(column!.total_compressed_size))
        : sum;
    }, 0);
    if (start <= last && end > first && sizeBytes > groupBytesMax)
      return invalid("too-large", `${name} has a row group of ${sizeBytes} bytes; at most ${groupBytesMax} are read.`);
    start = end;
  }
  return null;
}
