/** Rows of a Parquet file, a few columns of a range: no row group outside the range is touched. */
import { type AsyncBuffer, parquetReadObjects } from "hyparquet";
import { type Compressors, compressors } from "hyparquet-compressors";
import { InterruptedError, messageOf } from "../../base/errors.ts";
import { type Invalid, invalid } from "../../base/invalid.ts";
import { type ByteSource, ReadFailure } from "./byte-source.ts";
import type { Footer } from "./footer.ts";

export type ParquetRow = Readonly<Record<string, unknown>>;

export interface RowRange {
  readonly columns: readonly string[];
  /** Rows [from, to) of the file. */
  readonly from: number;
  readonly to: number;
}

/** Of the wanted columns of one row group, uncompressed. */
const groupBytesMax = 2 ** 30;
/** One page of a column, or one text. */
const pageBytesMax = 512 * 2 ** 20;
export const textBytesMax = 64 * 2 ** 20;

/** The rows, in order. Texts must be UTF-8. Throws `InterruptedError` when the source's signal aborts. */
export async function readRows(source: ByteSource, footer: Footer, range: RowRange): Promise<ParquetRow[] | Invalid> {
  const fault = checkRange(source, footer, range);
  if (fault !== null) return fault;
  try {
    const rows = await parquetReadObjects({
      file: bufferOf(source),
      metadata: footer.metadata,
      columns: [...range.columns],
      rowStart: range.from,
      rowEnd: range.to,
      compressors: boundedCompressors,
      parsers: { stringFromBytes: readText },
      geoparquet: false,
    });
    const wanted = range.to - range.from;
    if (rows.length === wanted) return rows;
    return invalid("wrong-row-count", `${source.name} has ${rows.length} rows where its footer counts ${wanted}.`);
  } catch (error) {
    if (error instanceof ReadFailure) return error.failure;
    if (error instanceof InterruptedError) throw error;
    const rows = `rows ${range.from} to ${range.to - 1}`;
    return invalid("bad-parquet", `${source.name} cannot be read at ${rows}: ${messageOf(error)}.`);
  }
}

function checkRange({ name }: ByteSource, footer: Footer, { columns, from, to }: RowRange): Invalid | null {
  const { metadata, rows } = footer;
  if (from < 0 || to > rows)
    return invalid("wrong-row-count", `${name} has ${rows} rows, so rows ${from} to ${to - 1} are not there.`);
  const named = new Set(metadata.row_groups[0]?.columns.map(({ meta_data: column }) => column!.path_in_schema[0]));
  const missing = rows === 0 ? undefined : columns.find((column) => !named.has(column));
  if (missing !== undefined) return invalid("no-column", `${name} has no column ${missing}.`);
  let first = 0;
  for (const group of metadata.row_groups) {
    const end = first + Number(group.num_rows);
    const sizeBytes = group.columns.reduce((sum, { meta_data: column }) => {
      const isWanted = columns.includes(column!.path_in_schema[0]!);
      return isWanted
        ? sum + Math.max(Number(column!.total_uncompressed_size), Number(column!.total_compressed_size))
        : sum;
    }, 0);
    if (first < to && end > from && sizeBytes > groupBytesMax)
      return invalid("too-large", `${name} has a row group of ${sizeBytes} bytes; at most ${groupBytesMax} are read.`);
    first = end;
  }
  return null;
}

function bufferOf(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.sizeBytes,
    slice: async (from, to = source.sizeBytes) => {
      const bytes = await source.read(from, to);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    },
  };
}

/** A page's header says how large it becomes; nobody's page is given more memory than this. */
const boundedCompressors: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, sizeBytes: number) => {
      if (sizeBytes > pageBytesMax) throw new Error(`a page claims ${sizeBytes} bytes`);
      return decompress(input, sizeBytes);
    },
  ]),
);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  if (bytes.length > textBytesMax) throw new Error(`a text of ${bytes.length} bytes; at most ${textBytesMax} are read`);
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Error("a text is not UTF-8");
  }
}
