/**
 * The end of a Parquet file, which says where everything else is. It is a stranger's: lengths, offsets and counts are held
 * against the file and against each other before anything is read by them.
 */
import { type FileMetaData, parquetMetadata } from "hyparquet";
import { messageOf } from "../../base/errors.ts";
import { type Invalid, invalid } from "../../base/invalid.ts";
import { type ByteSource, ReadFailure } from "./byte-source.ts";

export interface Footer {
  readonly metadata: FileMetaData;
  readonly rows: number;
  /** What it was read from. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const footerBytesMax = 64 * 2 ** 20;
/** Read at once from the end: most footers lie within, and one request is then enough. */
const firstReadBytes = 256 * 2 ** 10;
/** The length of the metadata, and the magic number. */
const tailBytes = 8;
const rowGroupsMax = 1_000_000;

/** The bytes from the beginning of the metadata to the end of the file. */
export async function readFooterBytes(source: ByteSource): Promise<Uint8Array<ArrayBuffer> | Invalid> {
  const { name, sizeBytes } = source;
  if (sizeBytes < tailBytes + 4) return invalid("bad-footer", `${name} is too short for a Parquet file.`);
  try {
    const from = Math.max(0, sizeBytes - firstReadBytes);
    const end = await source.read(from, sizeBytes);
    const view = new DataView(end.buffer, end.byteOffset, end.byteLength);
    if (new TextDecoder().decode(end.subarray(-4)) !== "PAR1")
      return invalid("bad-footer", `${name} is no Parquet file: it does not end with PAR1.`);
    const length = view.getUint32(end.length - tailBytes, true) + tailBytes;
    if (length > sizeBytes || length > footerBytesMax)
      return invalid("bad-footer", `${name} claims a footer of ${length} bytes in a file of ${sizeBytes}.`);
    if (length <= end.length) return end.slice(end.length - length);
    const rest = await source.read(sizeBytes - length, from);
    return new Uint8Array(Buffer.concat([rest, end]));
  } catch (error) {
    if (error instanceof ReadFailure) return error.failure;
    throw error;
  }
}

/** Reads and checks the metadata of a file of `sizeBytes`. */
export function parseFooter(
  bytes: Uint8Array<ArrayBuffer>,
  { name, sizeBytes }: Pick<ByteSource, "name" | "sizeBytes">,
): Footer | Invalid {
  let metadata: FileMetaData;
  try {
    metadata = parquetMetadata(bytes, { geoparquet: false });
  } catch (error) {
    return invalid("bad-footer", `The footer of ${name} cannot be read: ${messageOf(error)}.`);
  }
  try {
    const fault = findFault(metadata, sizeBytes - bytes.length);
    if (fault !== null) return invalid("bad-footer", `The footer of ${name} is wrong: ${fault}.`);
    return { metadata, rows: Number(metadata.num_rows), bytes };
  } catch {
    // A field that the format requires is missing or of another type.
    return invalid("bad-footer", `The footer of ${name} lacks what Parquet requires.`);
  }
}

/** What is wrong, or null. Data lies in [4, `dataEnd`). */
function findFault(metadata: FileMetaData, dataEnd: number): string | null {
  const { row_groups: groups, schema } = metadata;
  const rows = Number(metadata.num_rows);
  if (!Number.isSafeInteger(rows) || rows < 0) return `it counts ${metadata.num_rows} rows`;
  if (groups.length > rowGroupsMax) return `it has ${groups.length} row groups`;
  if (schema.length < 2) return "it has no columns";
  let counted = 0;
  for (const [index, group] of groups.entries()) {
    const groupRows = Number(group.num_rows);
    if (!Number.isSafeInteger(groupRows) || groupRows < 0) return `row group ${index} counts ${group.num_rows} rows`;
    counted += groupRows;
    for (const { meta_data: column } of group.columns) {
      if (column === undefined) return `row group ${index} has a column without a description`;
      const from = Number(column.dictionary_page_offset || column.data_page_offset);
      const size = Number(column.total_compressed_size);
      if (!(from >= 4 && size >= 0 && from + size <= dataEnd))
        return `column ${column.path_in_schema.join(".")} of row group ${index} lies outside the file`;
      if (!(Number(column.total_uncompressed_size) >= 0)) return `row group ${index} has a column of negative size`;
    }
  }
  return counted === rows ? null : `it counts ${rows} rows, its row groups ${counted}`;
}
