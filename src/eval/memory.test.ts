/** How long the pieces are in which a sequence is run, for the models among the fixtures. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { isInvalid } from "../base/invalid.ts";
import type { Graph } from "../graph/graph.ts";
import { openModelFolder } from "../model/folder.ts";
import { readModel } from "../model/model.ts";
import { chooseChunks } from "./memory.ts";

async function bodyOf(name: string): Promise<Graph> {
  const folder = await openModelFolder(join(import.meta.dir, "..", "..", "test", "fixtures", "models", name));
  if (isInvalid(folder)) throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  return model.body();
}

// Capped scores, a bias on them, sinks among them: each makes the kernel hold all scores of a run at once.
test.each(["gemma2", "falcon-alibi", "gpt-oss"])("%s: pieces shorten as the sequence grows", async (name) => {
  const body = await bodyOf(name);
  const heads = Math.max(...body.nodes.map(({ op }) => (op.kind === "Attention" ? op.heads : 0)));
  const chunkLength = chooseChunks("load", body);
  expect(chunkLength(0)).toBe(1024);
  expect(chunkLength(2 ** 24)).toBe(64);
  for (let offset = 0; offset < 80_000; offset += chunkLength(offset)) {
    expect(chunkLength(offset)).toBeGreaterThanOrEqual(chunkLength(offset + 1000));
    expect(4 * heads * chunkLength(offset) * (offset + chunkLength(offset))).toBeLessThanOrEqual(256 * 2 ** 20);
  }
});

test("qwen3-moe: pieces stay as they are where the scores are never held", async () => {
  const chunkLength = chooseChunks("load", await bodyOf("qwen3-moe"));
  expect(chunkLength(2 ** 24)).toBe(1024);
});
