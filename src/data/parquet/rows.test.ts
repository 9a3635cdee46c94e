/** Rows out of files that do everything to be wrong: an answer or a sentence, within limits, and the program lives on. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { InterruptedError } from "../../base/errors.ts";
import { type Invalid, isInvalid } from "../../base/invalid.ts";
import type { ByteSource } from "./byte-source.ts";
import { type Footer, parseFooter, readFooterBytes } from "./footer.ts";
import { readRows } from "./rows.ts";

const count = 1000;
const whole = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      { name: "q", data: Array.from({ length: count }, (_, index) => `question ${index}`), type: "STRING" },
      { name: "a", data: Array.from({ length: count }, (_, index) => `${index}`), type: "STRING" },
    ],
    rowGroupSize: 100,
  }),
);
const columns = ["q", "a"];
const short = { requestSecondsMax: 1, silenceSecondsMax: 1, memoryBytesMax: 2 ** 30 };

function sourceOf(bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): ByteSource {
  return { name: "x.parquet", sizeBytes: bytes.length, signal, read: async (from, to) => bytes.slice(from, to) };
}

async function footerOf(source: ByteSource): Promise<Footer | Invalid> {
  const end = await readFooterBytes(source);
  return isInvalid(end) ? end : parseFooter(end, source);
}

async function read(bytes: Uint8Array<ArrayBuffer>, rows: readonly number[], limits: Parameters<typeof readRows>[3]) {
  const source = sourceOf(bytes);
  const footer = await footerOf(source);
  return isInvalid(footer) ? footer : await readRows(source, footer, { columns, rows }, limits);
}

/** One byte of a page of lengths, by which the decoder goes back and forth in the page without end. */
function endless(): Uint8Array<ArrayBuffer> {
  const bytes = whole.slice();
  bytes[557] = 121;
  return bytes;
}

test("rows of several row groups, in order", async () => {
  const rows = [0, 5, 99, 100, 950];
  expect(await read(whole, rows, {})).toEqual(rows.map((row) => ({ q: `question ${row}`, a: `${row}` })));
  expect(await read(whole, [1000], {})).toMatchObject({ reason: "wrong-row-count" });
  expect(await read(whole, [], {})).toEqual([]);
});

test("a page that would be decoded for ever is given up by the clock, and the next file is read as ever", async () => {
  expect(await read(endless(), [5], short)).toMatchObject({
    reason: "timed-out",
    detail: "x.parquet could not be decoded (timed-out): longer than 1 s for one request.",
  });
  expect(await read(whole, [5], {})).toHaveLength(1);
});

test("an abort ends a page that would be decoded for ever", async () => {
  const controller = new AbortController();
  const source = sourceOf(endless(), controller.signal);
  const footer = await footerOf(source);
  if (isInvalid(footer)) throw new Error(footer.detail);
  const reading = readRows(source, footer, { columns, rows: [5] });
  setTimeout(() => controller.abort(), 300);
  expect(reading).rejects.toBeInstanceOf(InterruptedError);
  await reading.catch(() => {});
});

test("whatever bytes are changed, the answer is rows or a sentence", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      async (changes) => {
        const bytes = whole.slice();
        // Half of the changes go to the footer, half of the others to the pages that are read.
        for (const [index, [place, value]] of changes.entries())
          bytes[index % 2 === 0 ? bytes.length - 1 - (place % 2000) : index % 4 === 1 ? place % 1500 : place] = value;
        const rows = await read(bytes, [5, 150], short);
        if (isInvalid(rows)) expect(rows.detail).toContain("x.parquet");
        else expect(rows).toHaveLength(2);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
