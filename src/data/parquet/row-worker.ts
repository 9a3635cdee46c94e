/** The process that decodes rows: it has no file and no network, and asks its parent for every byte. */
import { type AsyncBuffer, parquetReadObjects } from "hyparquet";
import { type Compressors, compressors } from "hyparquet-compressors";
import { messageOf } from "../../base/errors.ts";
import { isInvalid } from "../../base/invalid.ts";
import { say, serveParent } from "../../base/limited-child.ts";
import { type Footer, parseFooter } from "./footer.ts";
import type { RowRequest } from "./row-protocol.ts";

/** One page of a column, or one text. */
const pageBytesMax = 512 * 2 ** 20;
const textBytesMax = 64 * 2 ** 20;

/** Decodes rows for its parent until that ends. Never returns. */
export async function serveRows(): Promise<never> {
  const waiting = new Map<number, (bytes: ArrayBuffer) => void>();
  let asked = 0;
  const read = (from: number, to: number) =>
    new Promise<ArrayBuffer>((resolve) => {
      waiting.set(asked, resolve);
      say({ kind: "read", id: asked++, from, to });
    });
  return await serveParent(async (document) => {
    const request = document as RowRequest;
    if (request.kind === "rows") return await answer(request, read);
    waiting.get(request.id)?.(Uint8Array.fromBase64(request.bytes).buffer);
    waiting.delete(request.id);
  });
}

type Wanted = RowRequest & { readonly kind: "rows" };

async function answer(wanted: Wanted, read: (from: number, to: number) => Promise<ArrayBuffer>): Promise<void> {
  const footer = parseFooter(Uint8Array.fromBase64(wanted.footer), wanted);
  if (isInvalid(footer)) return say(footer);
  const file = {
    byteLength: wanted.sizeBytes,
    slice: (from: number, to = wanted.sizeBytes) => read(from, to),
  };
  for (const rows of byRowGroup(footer, wanted.rows)) {
    const [from, last] = [rows[0]!, rows.at(-1)!];
    try {
      const decoded = await decode(file, footer, { columns: wanted.columns, from, to: last + 1 });
      for (const row of rows) say({ kind: "row", row: toJson(decoded[row - from]!) });
    } catch (error) {
      const where = `${wanted.name} cannot be read at rows ${from} to ${last}`;
      return say({ kind: "invalid", detail: `${where}: ${messageOf(error)}.` });
    }
  }
  say({ kind: "done" });
}

async function decode(
  file: AsyncBuffer,
  { metadata }: Footer,
  { columns, from, to }: { readonly columns: readonly string[]; readonly from: number; readonly to: number },
): Promise<Record<string, unknown>[]> {
  const rows = await parquetReadObjects({
    file,
    metadata,
    columns: [...columns],
    rowStart: from,
    rowEnd: to,
    compressors: boundedCompressors,
    parsers: { stringFromBytes: readText },
    geoparquet: false,
  });
  if (rows.length !== to - from) throw new Error(`there are ${rows.length} rows where the footer counts ${to - from}`);
  return rows;
}

/** The wanted rows of each row group that has some. */
function byRowGroup({ metadata }: Footer, rows: readonly number[]): number[][] {
  const groups: number[][] = [];
  let [end, at] = [0, 0];
  for (const group of metadata.row_groups) {
    end += Number(group.num_rows);
    const start = at;
    while (at < rows.length && rows[at]! < end) at += 1;
    if (at > start) groups.push(rows.slice(start, at));
  }
  return groups;
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

/** What JSON has no form for: 64-bit integers become numbers where they can, bytes their count. */
function toJson(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return { bytes: value.length };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member)]));
}
