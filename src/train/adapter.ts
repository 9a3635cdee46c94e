/**
 * Adapters as PEFT writes them: adapter_config.json and adapter_model.safetensors in a folder. What PEFT can express and
 * this program does not compute (DoRA, other ranks for some modules, trained biases) is refused by name when it is read.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { parseJsonBytes } from "../base/json.ts";
import { writeWhole } from "../base/whole-file.ts";
import { readSafetensorsHeader } from "../model/files.ts";
import { openFolder } from "../model/folder.ts";
import type { Tensor, TensorDtype } from "../model/safetensors.ts";
import { narrow, widen, writeSafetensors } from "../model/safetensors-writer.ts";
import type { LoraOptions } from "./lora.ts";
import { readTensor } from "./read-tensor.ts";
import type { Trainable } from "./trainable.ts";

export const adapterFiles = { config: "adapter_config.json", tensors: "adapter_model.safetensors" } as const;

const configBytesMax = 1 << 20;

export interface Adapter {
  readonly kind: "adapter";
  readonly options: LoraOptions;
  /** A [rank, in] and B [out, rank] of every module, by PEFT's names. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

const nothing = z.union([z.null(), z.literal(false), z.array(z.never()), z.record(z.string(), z.never())]).optional();
/** Fields that would change what is computed; each must say that it does not. */
const configSchema = z.looseObject({
  peft_type: z.literal("LORA"),
  r: z.int().min(1).max(65_536),
  lora_alpha: z.number().finite(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  use_rslora: z.boolean().default(false),
  target_modules: z.union([z.literal("all-linear"), z.array(z.string()).min(1)]),
  bias: z.literal("none").default("none"),
  use_dora: nothing,
  use_qalora: nothing,
  use_bdlora: nothing,
  lora_bias: nothing,
  fan_in_fan_out: nothing,
  modules_to_save: nothing,
  rank_pattern: nothing,
  alpha_pattern: nothing,
  layers_to_transform: nothing,
  layer_replication: nothing,
  exclude_modules: nothing,
  target_parameters: nothing,
  trainable_token_indices: nothing,
  alora_invocation_tokens: nothing,
});

/** Reads an adapter's folder. Its values may come in any of the types that parameters have. */
export async function readAdapter(path: string): Promise<Adapter | Invalid> {
  const source = await openFolder(path, "refuse");
  if (isInvalid(source)) return source;
  const options = await readConfig(source);
  if (isInvalid(options)) return options;
  const header = await readSafetensorsHeader(source, adapterFiles.tensors);
  if (isInvalid(header)) return header;
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of header.tensors) {
    const problem = refuseTensor(name, tensor, options);
    if (problem !== undefined) return problem;
    values.set(name, widen(await readTensor(tensor), tensor.dtype as TensorDtype));
  }
  return { kind: "adapter", options, values };
}

async function readConfig(source: Exclude<Awaited<ReturnType<typeof openFolder>>, Invalid>) {
  const opened = await source.open(adapterFiles.config);
  if (isInvalid(opened)) return opened;
  await using file = opened;
  if (file.sizeBytes > configBytesMax)
    return invalid("file-too-large", `${adapterFiles.config} has ${file.sizeBytes} bytes`);
  const bytes = await file.read({ offsetBytes: 0, lengthBytes: file.sizeBytes });
  if (isInvalid(bytes)) return bytes;
  const json = parseJsonBytes(bytes, { depthMax: 16, valuesMax: 100_000 });
  if (json.kind === "error") return invalid("json-malformed", `${adapterFiles.config}: ${json.detail}`);
  const parsed = configSchema.safeParse(json.value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return invalid("adapter-unsupported", `${adapterFiles.config}: ${path.join(".")}: ${message}`.slice(0, 300));
  }
  const { r, lora_alpha: alpha, lora_dropout: dropout, use_rslora: rankStabilised, target_modules } = parsed.data;
  return { rank: r, alpha, rankStabilised, dropout, targets: target_modules } satisfies LoraOptions;
}

function refuseTensor(name: string, { dtype, shape }: Tensor, { rank }: LoraOptions): Invalid | undefined {
  const shown = JSON.stringify(name.slice(0, 120));
  if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16")
    return invalid("dtype-not-allowed", `tensor ${shown} is ${dtype}`);
  const rankAxis = name.endsWith(".lora_A.weight") ? 0 : name.endsWith(".lora_B.weight") ? 1 : undefined;
  if (rankAxis === undefined) return invalid("adapter-unsupported", `tensor ${shown} is no matrix of an adapter`);
  return shape.length === 2 && shape[rankAxis] === rank
    ? undefined
    : invalid("tensor-shape-mismatch", `tensor ${shown} is [${shape.join(", ")}], the rank is ${rank}`);
}

/** Writes an adapter that PEFT loads; each file complete under its name, or not there. */
export async function writeAdapter(
  folder: string,
  adapter: {
    readonly base: string;
    readonly options: LoraOptions;
    readonly trainables: readonly Trainable[];
    readonly values: ReadonlyMap<string, Float32Array>;
  },
): Promise<void> {
  const { base, options, trainables, values } = adapter;
  await mkdir(folder, { recursive: true });
  await writeSafetensors(
    join(folder, adapterFiles.tensors),
    trainables.map(({ name, shape }) => ({
      name,
      shape,
      dtype: "F32",
      bytes: () => narrow(values.get(name)!, "F32"),
    })),
  );
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    r: options.rank,
    lora_alpha: options.alpha,
    lora_dropout: options.dropout,
    use_rslora: options.rankStabilised,
    // The modules by their last names even for `all-linear`, which each release of PEFT resolves by its own rules.
    target_modules: moduleNames(trainables),
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
  };
  const json = `${JSON.stringify(config, null, 2)}\n`;
  await writeWhole(join(folder, adapterFiles.config), (file) => file.writeFile(json));
}

function moduleNames(trainables: readonly Trainable[]): string[] {
  return [...new Set(trainables.map(({ name }) => name.split(".lora_")[0]!.split(".").at(-1)!))].sort();
}
