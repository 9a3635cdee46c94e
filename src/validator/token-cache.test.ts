/** What is kept of token ids is right or not there, whatever became of the file. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { TextItem } from "../eval/protocol.ts";
import { TokenCache, type TokenCacheOptions } from "./token-cache.ts";

const root = mkdtempSync(join(tmpdir(), "token-cache-"));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;
const newFolder = () => join(root, String(made++));
const limits = { bytesMax: 2 ** 20, fileBytesMax: 2 ** 16 };

const itemOf = (text: string): TextItem => ({ kind: "text", text, addSpecialTokens: true });
/** Stands for a tokenizer: the code units and, to tell tokenizers apart, a number. */
const idsOf = (item: TextItem, tokenizer = 0) =>
  item.kind === "text" ? [tokenizer, ...Array.from(item.text, (letter) => letter.charCodeAt(0))] : [];

/** Through the cache in a folder, as a program started anew; what had to be encoded is noted. */
async function ask(
  folder: string,
  texts: readonly string[],
  { name = "tokenizer", ...change }: Partial<TokenCacheOptions> & { readonly name?: string } = {},
) {
  const encoded: string[] = [];
  const ids = await new TokenCache({ folder, ...limits, ...change }).through(name, texts.map(itemOf), async (items) => {
    for (const item of items) if (item.kind === "text") encoded.push(item.text);
    return items.map((item) => idsOf(item, name.length));
  });
  expect(ids).toEqual(texts.map((text) => idsOf(itemOf(text), name.length)));
  return encoded;
}

test("each text is encoded once for each tokenizer, in whatever order rounds ask", async () => {
  const folder = newFolder();
  expect(await ask(folder, ["a", "bb", "a"])).toEqual(["a", "bb", "a"]);
  expect(await ask(folder, ["bb", "c", "a"])).toEqual(["c"]);
  expect(await ask(folder, ["c", "bb"])).toEqual([]);
  expect(await ask(folder, ["a"], { name: "another" })).toEqual(["a"]);
  expect(await ask(folder, [])).toEqual([]);
});

test("a conversation and a text, and texts with and without special tokens, are different", async () => {
  const folder = newFolder();
  const messages = [{ role: "user", content: "a" }];
  const items: TextItem[] = [
    itemOf("a"),
    { kind: "text", text: "a", addSpecialTokens: false },
    { kind: "chat", messages, addGenerationPrompt: true },
    { kind: "chat", messages, addGenerationPrompt: false },
  ];
  const cache = new TokenCache({ folder, ...limits });
  const expected = items.map((_, index) => [index]);
  expect(await cache.through("t", items, async () => expected)).toEqual(expected);
  expect(await cache.through("t", items.toReversed(), async () => [])).toEqual(expected.toReversed());
});

test("a file that was cut or changed anywhere loses texts, but never gives other ids", async () => {
  const texts = ["first", "second", "", "x".repeat(300)];
  const folder = newFolder();
  await ask(folder, texts);
  const path = join(folder, "tokenizer");
  const whole = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (place, value, isCut) => {
      const bytes = isCut ? whole.subarray(0, place) : Buffer.from(whole);
      if (!isCut) bytes[place] = value;
      writeFileSync(path, bytes);
      await ask(folder, texts);
      expect(await ask(folder, texts)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test("files stay within their bounds, and the newest texts stay in them", async () => {
  const folder = newFolder();
  const fileBytesMax = 4000;
  const texts = Array.from({ length: 30 }, (_, index) => String(index).padEnd(100, "."));
  for (const text of texts) {
    await ask(folder, [text], { fileBytesMax });
    expect(statSync(join(folder, "tokenizer")).size).toBeLessThanOrEqual(fileBytesMax);
  }
  expect(await ask(folder, texts.slice(-20), { fileBytesMax })).toEqual([]);
  expect(await ask(folder, texts.slice(0, 1), { fileBytesMax })).toEqual(texts.slice(0, 1));
  for (let index = 0; index < 20; index++)
    await ask(folder, texts.slice(0, 10), { name: `tokenizer-${index}`, bytesMax: 10_000 });
  const total = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  expect(total).toBeLessThanOrEqual(10_000);
});

test("a failure is handed on and nothing is kept of it", async () => {
  const folder = newFolder();
  const failure = { kind: "failed", reason: "template-failed", detail: "no" } as const;
  const cache = new TokenCache({ folder, ...limits });
  expect(await cache.through("tokenizer", [itemOf("a")], async () => failure)).toEqual(failure);
  expect(await ask(folder, ["a"])).toEqual(["a"]);
});
