/** Rows of a Parquet file on disk: the footer says how many there are, and only the drawn ones' row groups are read. */
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import type { Random } from "../../base/random.ts";
import { parseFooter, readFooterBytes } from "../parquet/footer.ts";
import { readRows } from "../parquet/rows.ts";
import { openLocalFile } from "./local-file.ts";
import { type DrawnPairs, type PairFields, readPair, type TextPair } from "./pair.ts";
import { drawPlaces } from "./places.ts";

export async function drawParquetRows(
  random: Random,
  {
    path,
    count,
    signal,
    ...fields
  }: PairFields & {
    readonly path: string;
    readonly count: number;
    readonly signal?: AbortSignal;
  },
): Promise<DrawnPairs | Invalid> {
  const file = await openLocalFile(path, signal);
  if (isInvalid(file)) return file;
  try {
    const bytes = await readFooterBytes(file);
    if (isInvalid(bytes)) return bytes;
    const footer = parseFooter(bytes, file);
    if (isInvalid(footer)) return footer;
    if (footer.rows === 0) return invalid("no-rows", `${path} has no rows.`);
    const places = drawPlaces(random, footer.rows, count);
    const columns =
      fields.contextField === null ? [fields.referenceField] : [fields.contextField, fields.referenceField];
    const sorted = [...new Set(places)].toSorted((a, b) => a - b);
    const rows = await readRows(file, footer, { columns, rows: sorted });
    if (isInvalid(rows)) return rows;
    const pairs = new Map<number, TextPair>();
    for (const [index, place] of sorted.entries()) {
      const pair = readPair(rows[index]!, fields, `${path}, row ${place}`);
      if (isInvalid(pair)) return pair;
      pairs.set(place, pair);
    }
    return { pairs: places.map((place) => pairs.get(place)!), places };
  } finally {
    await file.close();
  }
}
