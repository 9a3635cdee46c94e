/** Rows of a Parquet file on disk: the footer says how many there are, and only the drawn ones' row groups are read. */
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import type { Random } from "../../base/random.ts";
import { type Footer, parseFooter, readFooterBytes } from "../parquet/footer.ts";
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
    const pairs = new Map<number, TextPair>();
    for (const wanted of byRowGroup(footer, places)) {
      const from = Math.min(...wanted);
      const rows = await readRows(file, footer, { columns, from, to: Math.max(...wanted) + 1 });
      if (isInvalid(rows)) return rows;
      for (const place of wanted) {
        const pair = readPair(rows[place - from]!, fields, `${path}, row ${place}`);
        if (isInvalid(pair)) return pair;
        pairs.set(place, pair);
      }
    }
    return { pairs: places.map((place) => pairs.get(place)!), places };
  } finally {
    await file.close();
  }
}

/** The places of each row group that has some, in the order of the file. */
function byRowGroup({ metadata }: Footer, places: readonly number[]): number[][] {
  const sorted = places.toSorted((a, b) => a - b);
  const groups: number[][] = [];
  let [end, at] = [0, 0];
  for (const group of metadata.row_groups) {
    end += Number(group.num_rows);
    const start = at;
    while (at < sorted.length && sorted[at]! < end) at += 1;
    if (at > start) groups.push(sorted.slice(start, at));
  }
  return groups;
}
