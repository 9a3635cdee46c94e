/** Adapters as PEFT wrote them, merged by the command: what is stored, in which type, and what is refused. */
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { openEngine } from "../eval/engine.ts";
import { writeBaseModel } from "../localnet/demo/base-model.ts";
import { openModelFolder } from "../model/folder.ts";
import type { TensorDtype } from "../model/safetensors.ts";
import { mergeAdapter } from "./merging.ts";

const base = join(import.meta.dir, "../../test/fixtures/train-vectors/train/llama");
const adapter = join(base, "lora");
const dir = mkdtempSync(join(tmpdir(), "merging-"));
afterAll(() => rmSync(dir, { recursive: true }));

async function lossOf(path: string): Promise<number> {
  const engine = await openEngine(path, { threads: 1 });
  if (isInvalid(engine)) throw new Error(engine.detail);
  const [outcome] = await engine.score([{ kind: "loss", ids: [1, 5, 9, 3, 7, 2], scoredFrom: 0 }]);
  await engine.close();
  if (outcome!.kind !== "loss") throw new Error("no loss");
  return outcome!.nll.reduce((sum, nll) => sum + nll, 0);
}

test("the merged model is another, and bf16 rounds it", async () => {
  const losses: number[] = [await lossOf(base)];
  for (const dtype of ["F32", "BF16"] as const satisfies readonly TensorDtype[]) {
    const out = join(dir, dtype);
    expect((await mergeAdapter({ base, adapter, out, dtype })).modules).toBeGreaterThan(0);
    const folder = await openModelFolder(out);
    if (isInvalid(folder)) throw new Error(folder.detail);
    expect(new Set([...folder.tensors.values()].map((tensor) => tensor.dtype))).toEqual(new Set([dtype]));
    expect(Object.values(folder.config)).toContain({ F32: "float32", BF16: "bfloat16" }[dtype]);
    losses.push(await lossOf(out));
  }
  const [before, exact, rounded] = losses as [number, number, number];
  expect(Math.abs(exact - before)).toBeGreaterThan(1e-4);
  expect(rounded).not.toBe(exact);
  expect(Math.abs(rounded - exact)).toBeLessThan(0.05);
});

test("an adapter of another model is refused, and so is what is none", async () => {
  const other = join(dir, "other");
  await writeBaseModel(other, 1n);
  const failing = (change: object) => mergeAdapter({ base, adapter, out: join(dir, "x"), dtype: null, ...change });
  await expect(failing({ base: other })).rejects.toThrow(/another model: .* has no linear for/);
  await expect(failing({ adapter: dir })).rejects.toBeInstanceOf(OperatorError);
  const dora = join(dir, "dora");
  cpSync(adapter, dora, { recursive: true });
  const config = join(dora, "adapter_config.json");
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), use_dora: true }));
  await expect(failing({ adapter: dora })).rejects.toThrow(/use_dora/);
});
