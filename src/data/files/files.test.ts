import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { isInvalid } from "../../base/invalid.ts";
import { Random } from "../../base/random.ts";
import { drawJsonLines } from "./json-lines.ts";
import { drawParquetRows } from "./parquet-file.ts";
import { drawPlaces } from "./places.ts";
import { drawTextFiles } from "./text-folder.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "finetune-files-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const fields = { contextField: "q", referenceField: "a" } as const;
const written = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const lines = (path: string, count = 3, limits?: { fileBytesMax: number; lineBytesMax: number }) =>
  drawJsonLines(new Random(7), { path, count, ...fields, ...(limits === undefined ? {} : { limits }) });

test("places are different, in range, and the same for the same seed", () => {
  fc.assert(
    fc.property(fc.nat(500), fc.nat(500), fc.bigInt(), (total, count, seed) => {
      const places = drawPlaces(new Random(seed), total, count);
      expect(places).toEqual(drawPlaces(new Random(seed), total, count));
      expect(new Set(places).size).toBe(Math.min(total, count));
      for (const place of places) expect(place >= 0 && place < total).toBe(true);
    }),
  );
});

describe("lines of JSON", () => {
  test("the same lines are drawn with other line ends, empty lines and without a last line end", async () => {
    const rows = Array.from({ length: 50 }, (_, index) => JSON.stringify({ q: `${index} + 0 = `, a: String(index) }));
    const plain = await lines(written("plain.jsonl", `${rows.join("\n")}\n`));
    const odd = await lines(written("odd.jsonl", `\n${rows.join("\r\n\r\n")}`));
    if (isInvalid(plain) || isInvalid(odd)) throw new Error("drawn");
    expect(odd.pairs).toEqual(plain.pairs);
    expect(plain.pairs.map(({ reference }) => Number(reference) + 1)).toEqual([...plain.places]);
    expect(plain.pairs).toHaveLength(3);
  });

  test("a line may cross the pieces that are read", async () => {
    const long = "x".repeat(5 * 2 ** 20);
    const drawn = await lines(written("long.jsonl", `${JSON.stringify({ q: "", a: long })}\n{"q":"","a":"y"}\n`));
    expect(drawn).toEqual({
      pairs: [
        { context: "", reference: long },
        { context: "", reference: "y" },
      ],
      places: [1, 2],
    });
  });

  const cases: readonly [string, string | Uint8Array, string, RegExp][] = [
    ["NaN", '{"q":"","a":NaN}', "bad-line", /NaN\.jsonl:1: not a line of JSON/],
    ["cut", '{"q":"","a":"1"}\n{"q":', "bad-line", /cut\.jsonl:2: /],
    ["latin", new Uint8Array([...Buffer.from('{"q":"","a":"'), 0xe9, ...Buffer.from('"}')]), "bad-line", /:1: .*UTF-8/],
    ["list", "[1]", "bad-line", /list\.jsonl:1: not a JSON object/],
    ["number", '\n{"q":"","a":1}', "wrong-field", /number\.jsonl:2: a is not a text/],
    ["inherited", '{"q":""}', "wrong-field", /inherited\.jsonl:1: a is not a text/],
    ["nothing", "\n\n", "no-rows", /has no lines/],
  ];
  for (const [name, content, reason, detail] of cases)
    test(`${name} is refused with its line`, async () => {
      const refused = await lines(written(`${name}.jsonl`, content));
      expect(refused).toMatchObject({ kind: "invalid", reason });
      expect(isInvalid(refused) && refused.detail).toMatch(detail);
    });

  test("too long a line is refused before it is read, also one that is not drawn", async () => {
    const path = written("huge.jsonl", `{"q":"","a":"1"}\n{"q":"","a":"${"x".repeat(9 * 2 ** 20)}"}\n`);
    const limits = { fileBytesMax: 2 ** 30, lineBytesMax: 2 ** 20 };
    expect(await lines(path, 1, limits)).toMatchObject({
      reason: "line-too-long",
      detail: `${path}:2: a line of more than 1048576 bytes.`,
    });
    expect(await lines(path, 1, { ...limits, fileBytesMax: 1000 })).toMatchObject({ reason: "too-large" });
    expect(await lines(join(folder, "absent.jsonl"))).toMatchObject({ reason: "unreadable" });
    expect(await lines(folder)).toMatchObject({ reason: "not-a-file" });
  });
});

describe("Parquet on disk", () => {
  const rows = 1000;
  const file = () =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: "q", data: Array.from({ length: rows }, (_, index) => `question ${index}`), type: "STRING" },
          { name: "a", data: Array.from({ length: rows }, (_, index) => `${index}`), type: "STRING" },
        ],
        rowGroupSize: 100,
      }),
    );
  const draw = (path: string, seed = 7) => drawParquetRows(new Random(seed), { path, count: 20, ...fields });

  test("rows are drawn from all groups, each with its own fields", async () => {
    const drawn = await draw(written("good.parquet", file()));
    if (isInvalid(drawn)) throw new Error(drawn.detail);
    expect(drawn.pairs).toEqual(drawn.places.map((place) => ({ context: `question ${place}`, reference: `${place}` })));
    expect(new Set(drawn.places.map((place) => Math.floor(place / 100))).size).toBeGreaterThan(4);
  });

  test("a column that is not there, a text that is none, and an end that is not Parquet's", async () => {
    const path = written("columns.parquet", file());
    const other = { path, count: 2, contextField: null, referenceField: "b" };
    expect(await drawParquetRows(new Random(1), other)).toMatchObject({ reason: "no-column" });
    expect(await draw(written("text.parquet", "nothing of the kind"))).toMatchObject({ reason: "bad-footer" });
    expect(await draw(written("short.parquet", "PAR1"))).toMatchObject({ reason: "bad-footer" });
    expect(await draw(written("cut.parquet", file().subarray(0, -20)))).toMatchObject({ reason: "bad-footer" });
  });

  test("a footer longer than the file is refused", async () => {
    const bytes = file();
    new DataView(bytes.buffer).setUint32(bytes.length - 8, 0xfffffff0, true);
    expect(await draw(written("footer.parquet", bytes))).toMatchObject({
      reason: "bad-footer",
      detail: expect.stringContaining("claims a footer of 4294967288 bytes"),
    });
  });
});

test("a folder of text is drawn by its names, without hidden files; a file that is not UTF-8 is named", async () => {
  const root = join(folder, "texts");
  mkdirSync(join(root, "sub"), { recursive: true });
  for (const name of ["b.txt", "a.txt", ".hidden", "sub/c.md"]) writeFileSync(join(root, name), `text of ${name}`);
  const all = { path: root, count: 9 };
  expect(await drawTextFiles(new Random(1), all)).toEqual({
    texts: ["text of a.txt", "text of b.txt", "text of sub/c.md"],
    paths: ["a.txt", "b.txt", "sub/c.md"],
  });
  writeFileSync(join(root, "b.txt"), new Uint8Array([0xff, 0xfe]));
  expect(await drawTextFiles(new Random(1), all)).toMatchObject({
    reason: "bad-text",
    detail: `${root}/b.txt is not UTF-8.`,
  });
  expect(await drawTextFiles(new Random(1), { path: join(folder, "nowhere"), count: 1 })).toMatchObject({
    reason: "unreadable",
  });
});
