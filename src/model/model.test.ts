/** Reading models: what is accepted, what is refused and in which words, and that no config makes the reader crash. */
import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { isInvalid } from "../base/invalid.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { verify } from "../graph/verify.ts";
import type { StoredTensor } from "./builder.ts";
import { type ModelFolder, openModelFolder } from "./folder.ts";
import { readModel } from "./model.ts";

const fixtures = join(import.meta.dir, "..", "..", "test", "fixtures", "models");
const folders = new Map<string, ModelFolder>();

beforeAll(async () => {
  for (const name of readdirSync(fixtures)) {
    const folder = await openModelFolder(join(fixtures, name));
    if (isInvalid(folder)) throw new Error(folder.detail);
    folders.set(name, folder);
  }
});

/** What reading the model says with some keys of its config changed (`undefined` removes one). */
function detailOf(name: string, changes: Record<string, Json | undefined>): string {
  const folder = folders.get(name)!;
  const config = Object.fromEntries(
    Object.entries({ ...folder.config, ...changes }).filter(([, value]) => value !== undefined),
  ) as JsonObject;
  const model = readModel(config, folder.tensors);
  return isInvalid(model) ? `${model.reason}: ${model.detail}` : "accepted";
}

test("every graph of every fixture is sound", () => {
  for (const { config, tensors } of folders.values()) {
    const model = readModel(config, tensors);
    if (isInvalid(model)) throw new Error(model.detail);
    for (const graph of [model.body(), model.nll(), model.logits(), model.training()])
      expect(verify(graph)).toEqual([]);
    expect(model.parameters).toBe(
      [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    );
  }
});

describe("refused by name", () => {
  const llama = "llama-rope-dynamic";
  test.each<[string, string, Record<string, Json | undefined>]>([
    [llama, 'config-unsupported: config.json: hidden_act "mish" is not supported', { hidden_act: "mish" }],
    [llama, "config.json: the key mystery is not known to LlamaForCausalLM", { mystery: 0 }],
    [llama, "config.json: quantization_config", { quantization_config: { bits: 4 } }],
    [llama, "architecture-unknown", { architectures: ["MysteryForCausalLM"] }],
    [llama, "architecture-unknown", { architectures: ["LlamaForCausalLM", "GemmaForCausalLM"] }],
    [llama, 'config.json: model_type "mistral" does not go with', { model_type: "mistral" }],
    [llama, "config-malformed: config.json: hidden_size is missing", { hidden_size: undefined }],
    [llama, "config-malformed: config.json: num_hidden_layers", { num_hidden_layers: 1e9 }],
    [llama, "tensor-missing", { num_hidden_layers: 3 }],
    [llama, "tensor-unexpected", { num_hidden_layers: 1 }],
    [llama, "tensor-shape-mismatch", { intermediate_size: 111 }],
    ["gemma2", "config.json: use_bidirectional_attention true", { use_bidirectional_attention: true }],
    ["gemma2", "config-malformed: config.json: sliding_window", { sliding_window: 0 }],
    ["gemma2", "config.json: attn_logit_softcapping is not a number above 0", { attn_logit_softcapping: 0 }],
    ["gemma2", "config.json: query_pre_attn_scalar is not a number above 0", { query_pre_attn_scalar: 0 }],
    ["falcon-alibi", "config.json: num_kv_heads 3 is not supported", { num_kv_heads: 3 }],
    // Refused before anything of that size is made.
    ["qwen3-moe", "config.json: num_local_experts is not a whole number", { num_local_experts: 16_385 }],
    ["qwen3-moe", "more than 65536 never are", { head_dim: 1e9 }],
    [llama, "more than 65536 never are", { hidden_size: 1e9, head_dim: undefined }],
    ["gpt2", "config.json: add_cross_attention true", { add_cross_attention: true }],
  ])("%s: %s", (name, words, changes) => {
    expect(detailOf(name, changes)).toContain(words);
  });
});

describe("accepted", () => {
  test.each<[string, Record<string, Json | undefined>]>([
    ["llama-rope-dynamic", { rms_norm_eps: undefined, tie_word_embeddings: undefined, attention_bias: undefined }],
    ["llama-rope-dynamic", { rope_scaling: undefined, rope_parameters: { rope_type: "default", rope_theta: 5000 } }],
    ["gemma2", { attn_logit_softcapping: null, layer_types: undefined }],
  ])("%s with other keys", (name, changes) => {
    expect(detailOf(name, changes)).toBe("accepted");
  });

  test("a file of the body alone, whose names lack the prefix", () => {
    const { config, tensors } = folders.get("gpt2")!;
    const bare = new Map<string, StoredTensor>(
      [...tensors].map(([name, tensor]) => [name.replace(/^transformer\./, ""), tensor]),
    );
    expect(isInvalid(readModel(config, bare))).toBe(false);
  });
});

test("no config makes the reader crash: it is accepted or refused", () => {
  const values = fc.oneof(
    fc.constantFrom<Json>(
      null,
      true,
      false,
      0,
      1,
      2,
      3,
      5,
      8,
      64,
      -1,
      0.5,
      1e9,
      1e300,
      "",
      "gelu",
      "yarn",
      [],
      {},
      [1],
    ),
    fc.jsonValue({ maxDepth: 2 }).map((value) => value as Json),
  );
  const keys = [...new Set([...folders.values()].flatMap(({ config }) => Object.keys(config)))];
  const changes = fc.dictionary(fc.constantFrom(...keys, "rope_parameters", "layer_types"), values, {
    minKeys: 1,
    maxKeys: 3,
  });
  fc.assert(
    fc.property(fc.constantFrom(...folders.keys()), changes, (name, changed) => {
      const words = detailOf(name, changed);
      if (words !== "accepted") expect(words).toMatch(/^(config|tensor|architecture)-/);
    }),
    { numRuns: 2000 },
  );
});
