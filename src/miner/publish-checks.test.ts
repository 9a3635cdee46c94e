/** What is refused before the first byte of a model leaves: by its name, its size, its kind and its numbers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { builtInCompetitions } from "../competition/built-in.ts";
import type { Competition, Constraints } from "../competition/competition.ts";
import { readLocalModel } from "../hub/publish.ts";
import { writeBaseModel } from "../localnet/demo/base-model.ts";
import { checkedRepository, checkModel } from "./publish-checks.ts";

const dir = mkdtempSync(join(tmpdir(), "publish-checks-"));
const base = join(dir, "base");
beforeAll(() => writeBaseModel(base, 1n));
afterAll(() => rmSync(dir, { recursive: true }));

test("a repository's name must leave room for the rest of its commitment", () => {
  expect(checkedRepository(`me/${"n".repeat(35)}`, 99)).toEqual({ namespace: "me", name: "n".repeat(35) });
  expect(() => checkedRepository(`me/${"n".repeat(36)}`, 1)).toThrow(/characters/);
  // The longest name goes with a number of three digits; every further one costs a character.
  expect(() => checkedRepository(`me/${"n".repeat(35)}`, 12_345)).toThrow(/would have 130 bytes; .* longest has 128/);
  expect(() => checkedRepository("me", 1)).toThrow(OperatorError);
});

const demo = builtInCompetitions("demo").schedule[0]!.competitions[0]!;
const limited = (change: Partial<Constraints>): Competition => ({
  ...demo,
  constraints: { ...demo.constraints, ...change },
});

async function refusal(folder: string, competition: Competition): Promise<unknown> {
  const files = await readLocalModel(folder);
  if (files.kind !== "ok") throw new Error(files.detail);
  const { signal } = new AbortController();
  const input = { folder, competition, files: files.value, signal, onProgress: () => {} };
  return await checkModel(input)
    .then(() => undefined)
    .catch((error: unknown) => error);
}

function copy(name: string, change: (folder: string) => void): string {
  const folder = join(dir, name);
  cpSync(base, folder, { recursive: true });
  change(folder);
  return folder;
}

const withoutTokenizer = (folder: string) => rmSync(join(folder, "tokenizer.json"));
/** The last number of the last tensor becomes NaN in bf16. */
function withNaN(folder: string): void {
  const file = join(folder, "model.safetensors");
  const bytes = readFileSync(file);
  bytes.writeUInt16LE(0x7fc0, bytes.length - 2);
  writeFileSync(file, bytes);
}

describe("a model that no validator would admit is refused, and told why", () => {
  test("what is in order passes", async () => expect(await refusal(base, demo)).toBeUndefined());

  test.each([
    ["too large", () => base, limited({ repositoryBytesMax: 1000 }), /its files have \d+ bytes, and at most 1000/],
    ["too many parameters", () => base, limited({ parametersMax: 10 }), /parameters; at most 10 are allowed/],
    ["another architecture", () => base, limited({ architectures: ["Qwen2ForCausalLM"] }), /is LlamaForCausalLM/],
    ["norms above the limit", () => base, limited({ norms: { ...demo.constraints.norms, hard: 1e-9 } }), /The norm of/],
    ["no tokenizer", () => copy("mute", withoutTokenizer), demo, /own tokenizer\.json, and this one has none/],
    ["a number that is none", () => copy("nan", withNaN), demo, /has 1 elements that are NaN or infinite/],
  ] as const)("%s", async (_, folder, competition, said) => {
    const error = await refusal(folder(), competition);
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).message).toMatch(said);
    expect((error as OperatorError).hint).toContain("nothing was uploaded");
  });
});
