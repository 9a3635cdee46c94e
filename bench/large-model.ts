/**
 * A model that is larger than the memory it may use: parameters stay in the mapped file and are widened as each layer
 * needs them. Makes a random Llama of 3.2 billion parameters (bf16, 6.4 GB, deleted afterwards), scores one sequence in
 * a child process as the validator does, and says how much anonymous memory that took and how fast it was.
 *
 *     bun bench/large-model.ts [--folder /tmp] [--tokens 2048] [--layers 28]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isInvalid } from "../src/base/invalid.ts";
import { startModelChild } from "../src/eval/child.ts";
import { openModelFolder } from "../src/model/folder.ts";
import { readModel } from "../src/model/model.ts";
import { type TensorToWrite, writeSafetensors } from "../src/model/safetensors-writer.ts";
import { scoringFlop } from "./parts/flop.ts";
import { openGemmPeak } from "./parts/gemm-peak.ts";
import { randomSample } from "./score.ts";

const memoryBytesMax = 4 * 2 ** 30;
const peakRuns = 10;

/** Llama 3.2 3B's sizes. */
function configOf(layers: number) {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: 3072,
    intermediate_size: 8192,
    num_hidden_layers: layers,
    num_attention_heads: 24,
    num_key_value_heads: 8,
    head_dim: 128,
    vocab_size: 128_256,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-5,
    rope_theta: 500_000,
    hidden_act: "silu",
    tie_word_embeddings: true,
    torch_dtype: "bfloat16",
  };
}

/** Writes the model's two files into a folder that exists. */
export async function writeLargeModel(folder: string, layers: number): Promise<void> {
  const config = configOf(layers);
  const { hidden_size: hidden, intermediate_size: inner, vocab_size: vocabulary, head_dim: head } = config;
  const queries = config.num_attention_heads * head;
  const keys = config.num_key_value_heads * head;
  const layer = (index: number) => {
    const at = `model.layers.${index}`;
    return [
      ones(`${at}.input_layernorm.weight`, hidden),
      noise(`${at}.self_attn.q_proj.weight`, queries, hidden),
      noise(`${at}.self_attn.k_proj.weight`, keys, hidden),
      noise(`${at}.self_attn.v_proj.weight`, keys, hidden),
      noise(`${at}.self_attn.o_proj.weight`, hidden, queries),
      ones(`${at}.post_attention_layernorm.weight`, hidden),
      noise(`${at}.mlp.gate_proj.weight`, inner, hidden),
      noise(`${at}.mlp.up_proj.weight`, inner, hidden),
      noise(`${at}.mlp.down_proj.weight`, hidden, inner),
    ];
  };
  await writeSafetensors(join(folder, "model.safetensors"), [
    noise("model.embed_tokens.weight", vocabulary, hidden),
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    ones("model.norm.weight", hidden),
  ]);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
}

function ones(name: string, size: number): TensorToWrite {
  const bytes = () => new Uint8Array(new Uint16Array(size).fill(0x3f80).buffer);
  return { name, dtype: "BF16", shape: [size], bytes };
}

/** Values of either sign between 2^−7 and 2^−6: the sizes that a trained matrix has, so that nothing overflows. */
function noise(name: string, rows: number, columns: number): TensorToWrite {
  const bytes = () => {
    const halves = new Uint16Array(rows * columns);
    let state = name.length + rows;
    for (let index = 0; index < halves.length; index++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      halves[index] = ((state >>> 31) << 15) | 0x3c00 | ((state >>> 20) & 0x7f);
    }
    return new Uint8Array(halves.buffer);
  };
  return { name, dtype: "BF16", shape: [rows, columns], bytes };
}

async function flopOf(folder: string, tokens: number): Promise<number> {
  const opened = await openModelFolder(folder);
  const model = isInvalid(opened) ? opened : readModel(opened.config, opened.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  process.stdout.write(`${model.parameters} parameters\n`);
  return scoringFlop(model, { tokens, scored: tokens - 1 });
}

async function bench(folder: string, tokens: number): Promise<void> {
  const flop = await flopOf(folder, tokens);
  const child = startModelChild({ folder, limits: { memoryBytesMax } });
  await using peak = await openGemmPeak();
  const peaks: number[] = [];
  const measurePeak = async () => {
    for (let run = 0; run < peakRuns; run++) peaks.push(await peak.measure());
  };
  try {
    await measurePeak();
    // The first request opens the model; its 20 tokens are not measured.
    const { vocab_size: vocabulary } = configOf(1);
    for (const length of [20, tokens]) {
      const start = performance.now();
      const outcome = await child.score([randomSample(vocabulary, length, 3)]);
      const seconds = (performance.now() - start) / 1000;
      if (outcome.kind !== "done") throw new Error(JSON.stringify(outcome));
      await measurePeak();
      const gibibytes = (child.memoryBytesPeak / 2 ** 30).toFixed(2);
      process.stdout.write(
        `1 × ${length}: ${seconds.toFixed(1)} s, ${JSON.stringify(outcome.results[0])}, ${gibibytes} GiB anonymous\n`,
      );
      if (length === tokens) {
        const rate = flop / seconds / 1e9;
        const peakRate = Math.max(...peaks) / 1e9;
        process.stdout.write(
          `${rate.toFixed(0)} GFLOP/s of ${peakRate.toFixed(0)}: ${(rate / peakRate).toFixed(2)}; load ${loadavg()[0]!.toFixed(1)}\n`,
        );
      }
    }
  } finally {
    await child.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      folder: { type: "string", default: tmpdir() },
      tokens: { type: "string", default: "2048" },
      layers: { type: "string", default: "28" },
    },
  });
  mkdirSync(values.folder, { recursive: true });
  const folder = mkdtempSync(join(values.folder, "bench-large-"));
  try {
    await writeLargeModel(folder, Number(values.layers));
    await bench(folder, Number(values.tokens));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
