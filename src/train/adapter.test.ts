import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adapterFiles, readAdapter, writeAdapter } from "./adapter.ts";
import { loraNames, loraScale } from "./lora.ts";

const folder = mkdtempSync(join(tmpdir(), "adapter-"));
afterAll(() => rmSync(folder, { recursive: true }));

const names = loraNames("model.layers.0.self_attn.q_proj");
const trainables = [
  { name: names.a, shape: [2, 3] },
  { name: names.b, shape: [4, 2] },
];
const values = new Map([
  [names.a, Float32Array.from([1, 2, 3, 4, 5, 6])],
  [names.b, Float32Array.from([0, -1, 2, -3, 4, -5, 6, 0.1])],
]);
const options = { rank: 2, alpha: 8, rankStabilised: true, dropout: 0.1, targets: ["q_proj"] };

async function withConfig(change: Record<string, unknown>): Promise<unknown> {
  await writeAdapter(folder, { base: "base", options, trainables, values });
  const path = join(folder, adapterFiles.config);
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...change }));
  return await readAdapter(folder);
}

describe("adapters in PEFT's files", () => {
  test("are read as they were written", async () => {
    await writeAdapter(folder, { base: "base", options, trainables, values });
    expect(await readAdapter(folder)).toEqual({ kind: "adapter", options, values });
  });

  test("count alpha / rank, or alpha / √rank", () => {
    expect(loraScale({ ...options, rankStabilised: false })).toBe(4);
    expect(loraScale(options)).toBeCloseTo(8 / Math.SQRT2, 12);
  });

  for (const change of [
    { use_dora: true },
    { bias: "all" },
    { rank_pattern: { q_proj: 8 } },
    { modules_to_save: ["lm_head"] },
    { fan_in_fan_out: true },
    { peft_type: "IA3" },
    { r: 0 },
  ])
    test(`${JSON.stringify(change)} is refused by name`, async () => {
      const field = Object.keys(change)[0]!;
      expect(await withConfig(change)).toMatchObject({ kind: "invalid", reason: "adapter-unsupported" });
      expect(((await withConfig(change)) as { detail: string }).detail).toContain(field);
    });

  test("whose tensors have another rank are refused", async () => {
    expect(await withConfig({ r: 3 })).toMatchObject({ kind: "invalid", reason: "tensor-shape-mismatch" });
  });

  test("without their tensors are refused", async () => {
    await writeAdapter(folder, { base: "base", options, trainables, values });
    rmSync(join(folder, adapterFiles.tensors));
    expect(await readAdapter(folder)).toMatchObject({ kind: "invalid", reason: "file-missing" });
  });
});
