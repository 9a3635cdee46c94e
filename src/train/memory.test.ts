import { expect, test } from "bun:test";
import { join } from "node:path";
import { isInvalid } from "../base/invalid.ts";
import { openModelFolder } from "../model/folder.ts";
import { readModel } from "../model/model.ts";
import { chooseRecompute, estimateActivationBytes } from "./memory.ts";

const folder = await openModelFolder(join(import.meta.dir, "../../test/fixtures/train-vectors/train/llama"));
if (isInvalid(folder)) throw new Error(folder.detail);
const model = readModel(folder.config, folder.tensors);
if (isInvalid(model)) throw new Error(model.detail);
const bytes = (batch: number, tokens: number) => estimateActivationBytes(model, { kind: "full" }, { batch, tokens });

test("activations grow with the batch, and with the square of the length where attention is most of them", () => {
  // At least what every layer reads, and not a hundred times that.
  const least = 4 * model.width * model.layers * 16;
  expect(bytes(1, 16)).toBeGreaterThan(least);
  expect(bytes(1, 16)).toBeLessThan(100 * least);
  expect(bytes(8, 16) / bytes(1, 16)).toBeGreaterThan(6);
  expect(bytes(8, 16) / bytes(1, 16)).toBeLessThanOrEqual(8);
  expect(bytes(1, 8192) / bytes(1, 4096)).toBeGreaterThan(3.5);
});

test("layers are computed twice where the activations of all would not fit, and only there", () => {
  const choose = (tokens: number) => chooseRecompute(model, { kind: "full" }, { batch: 1, tokens }).recompute;
  expect(choose(16)).toBe(false);
  expect(choose(10_000_000)).toBe(true);
});
