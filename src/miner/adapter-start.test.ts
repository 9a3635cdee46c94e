/** Going on from adapters: ours and PEFT's, with the flags that fit, and of this base alone. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInvalid } from "../base/invalid.ts";
import { selfCommand } from "../base/self.ts";
import { writeBaseModel } from "../localnet/demo/base-model.ts";
import { openModelFolder } from "../model/folder.ts";
import { readModel } from "../model/model.ts";
import { prepareForward } from "../train/objective.ts";
import { openAdapter, startingAdapters } from "./adapter-start.ts";

const llama = join(import.meta.dir, "../../test/fixtures/train-vectors/train/llama");
const dir = mkdtempSync(join(tmpdir(), "adapter-start-"));
const base = join(dir, "base");
const first = join(dir, "first");
afterAll(() => rmSync(dir, { recursive: true }));

async function train(out: string, ...more: readonly string[]) {
  const args = ["--base", base, "--out", out, "--steps", "3", "--batch", "4", "--threads", "1", ...more];
  const child = Bun.spawn([...selfCommand("mine", "train", ...args)], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const err = await new Response(child.stderr).text();
  return { code: await child.exited, err };
}

beforeAll(async () => {
  await writeBaseModel(base, 1n);
  const form = ["--lora-rank", "4", "--lora-alpha", "6", "--rslora", "--targets", "q_proj,down_proj"];
  expect(await train(first, ...form, "--lr", "1e-2", "--warmup", "0")).toMatchObject({ code: 0 });
});

const parametersOf = (folder: string) => readFileSync(join(folder, "model.safetensors"));

test("a training goes on exactly where the adapter is, in the adapter's own form", async () => {
  const [still, further] = [join(dir, "still"), join(dir, "further")];
  // Without a learning rate nothing changes: the merged model is that of the adapter.
  expect(await train(still, "--adapter", `${first}.adapter`, "--lr", "0")).toMatchObject({ code: 0 });
  expect(parametersOf(still).equals(parametersOf(first))).toBe(true);
  expect(parametersOf(still).equals(parametersOf(base))).toBe(false);
  const more = ["--adapter", `${first}.adapter`, "--lr", "1e-2", "--lora-dropout", "0.1", "--lora-rank", "4"];
  expect(await train(further, ...more)).toMatchObject({ code: 0 });
  expect(parametersOf(further).equals(parametersOf(first))).toBe(false);
  expect((await openAdapter(`${further}.adapter`)).options).toEqual({
    rank: 4,
    alpha: 6,
    rankStabilised: true,
    dropout: 0.1,
    targets: ["down_proj", "q_proj"],
  });
});

test("PEFT's adapters give every trained tensor its values, as copies", async () => {
  const adapter = await openAdapter(join(llama, "lora"));
  const folder = await openModelFolder(llama);
  if (isInvalid(folder)) throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  const { trainables } = prepareForward(model, { kind: "lora", ...adapter.options });
  const values = startingAdapters(adapter, trainables, llama);
  expect(values).toEqual(new Map(adapter.values));
  const [name, value] = [...values][0]!;
  expect(value).not.toBe(adapter.values.get(name)!);
  const others = new Map([...adapter.values].slice(1));
  expect(() => startingAdapters({ ...adapter, values: others }, trainables, llama)).toThrow(/it has none for/);
  const short = new Map([...adapter.values, [name, value.subarray(1)]]);
  expect(() => startingAdapters({ ...adapter, values: short }, trainables, llama)).toThrow(/of another shape/);
});

describe("refused with a sentence and a way out", () => {
  test.each([
    ["another rank", ["--lora-rank", "8"], /--lora-rank 8 does not go with --adapter, which has 4/],
    ["another alpha", ["--lora-alpha", "32"], /--lora-alpha 32 does not go with --adapter, which has 6/],
    ["other targets", ["--targets", "q_proj"], /--targets q_proj does not go with .* down_proj,q_proj/],
    ["all parameters", ["--full"], /--full and --adapter exclude each other/],
    ["an adapter that is not there", ["--adapter", join(dir, "nowhere")], /cannot be gone on from/],
    ["another model's adapter", ["--adapter", join(llama, "lora")], /no linear called|of another model/],
  ] as const)("%s", async (_, more, said) => {
    const { code, err } = await train(join(dir, "refused"), "--adapter", `${first}.adapter`, ...more);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(said) });
    expect(err).not.toMatch(/\n\s+at /);
    expect(err.trim().split("\n").length).toBeGreaterThan(1);
  });
});
