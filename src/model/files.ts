/**
 * A model's files, wherever they lie: in a folder or at a hub. Read here is only what says what the model is: the small
 * JSON files and the headers of the .safetensors files, never a parameter.
 */
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { isJsonObject, type JsonObject, parseJsonBytes } from "../base/json.ts";
import { parseHeader, prefixBytes, readHeaderLength, type SafetensorsHeader, type Tensor } from "./safetensors.ts";

export interface Range {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface ModelFile extends AsyncDisposable {
  readonly kind: "file";
  /** In a folder: absolute, links resolved. At a hub: the name. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Exactly the bytes asked for, or why they cannot be had. */
  readonly read: (range: Range) => Promise<Uint8Array | Invalid>;
}

/** Opens files by name; `file-missing` when there is none. What is not the model's fault is thrown. */
export interface FileSource {
  readonly open: (name: string) => Promise<ModelFile | Invalid>;
}

export interface ModelFiles {
  readonly config: JsonObject;
  /** generation_config.json, where there is one. */
  readonly generationConfig: JsonObject | undefined;
  /** By the name on disk. Parameters are F32, F16 or BF16; a known buffer may have another type. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Bytes of all tensors. */
  readonly tensorsBytes: number;
}

/** Sizes beyond which a file is refused unread. The largest known honest ones are a third of these. */
export const sizeBytesMax = {
  "config.json": 1 << 20,
  "generation_config.json": 1 << 20,
  "tokenizer.json": 64 << 20,
  "tokenizer_config.json": 16 << 20,
  "chat_template.jinja": 1 << 20,
  "model.safetensors.index.json": 16 << 20,
} as const;
export type SmallFile = keyof typeof sizeBytesMax;

const single = "model.safetensors";
const index = "model.safetensors.index.json";
const shardsMax = 1000;
const shardPattern = /^[A-Za-z0-9_][\w.-]{0,199}\.safetensors$/;
const jsonLimits = { depthMax: 32, valuesMax: 1_000_000 };
/** Constants that older checkpoints stored beside the parameters (causal masks, rotary frequencies); never read. */
const bufferPattern =
  /(^|\.)(attn\.bias|attn\.masked_bias|attention\.bias|attention\.masked_bias|rotary_emb\.inv_freq|position_ids|causal_mask)$/;

/** Reads what a model is from its files. */
export async function readModelFiles(source: FileSource): Promise<ModelFiles | Invalid> {
  const config = await readJson(source, "config.json");
  if (isInvalid(config)) return config;
  if (config === undefined) return invalid("file-missing", "config.json is missing");
  const generationConfig = await readJson(source, "generation_config.json");
  if (isInvalid(generationConfig)) return generationConfig;
  const tensors = await readTensors(source);
  if (isInvalid(tensors)) return tensors;
  const tensorsBytes = [...tensors.values()].reduce((sum, tensor) => sum + tensor.lengthBytes, 0);
  return { config, generationConfig, tensors, tensorsBytes };
}

/** One of the small JSON files, which must hold an object; `undefined`: there is none. */
export async function readJson(source: FileSource, name: SmallFile): Promise<JsonObject | undefined | Invalid> {
  const bytes = await readWhole(source, name);
  if (!(bytes instanceof Uint8Array)) return bytes;
  const parsed = parseJsonBytes(bytes, jsonLimits);
  if (parsed.kind === "error") return invalid("json-malformed", `${name}: ${parsed.detail}`);
  if (!isJsonObject(parsed.value)) return invalid("json-malformed", `${name} does not hold an object`);
  // A stranger's object must not pass for one of our own verdicts.
  return parsed.value.kind === "invalid"
    ? invalid("json-malformed", `${name} has an unknown field "kind"`)
    : parsed.value;
}

/** One of the small text files; `undefined`: there is none. */
export async function readText(source: FileSource, name: SmallFile): Promise<string | undefined | Invalid> {
  const bytes = await readWhole(source, name);
  if (!(bytes instanceof Uint8Array)) return bytes;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return invalid("text-malformed", `${name} is not UTF-8`);
  }
}

async function readWhole(source: FileSource, name: SmallFile): Promise<Uint8Array | undefined | Invalid> {
  const opened = await source.open(name);
  if (opened.kind === "invalid") return opened.reason === "file-missing" ? undefined : opened;
  await using file = opened;
  if (file.sizeBytes > sizeBytesMax[name])
    return invalid("file-too-large", `${name} has ${file.sizeBytes} bytes, the limit is ${sizeBytesMax[name]}`);
  return await file.read({ offsetBytes: 0, lengthBytes: file.sizeBytes });
}

/** transformers prefers the single file where both exist; so does this. */
async function readTensors(source: FileSource): Promise<ReadonlyMap<string, Tensor> | Invalid> {
  const header = await readSafetensorsHeader(source, single);
  if (header.kind === "safetensors") return refuseDtypes(header.tensors);
  if (header.reason !== "file-missing") return header;
  const indexJson = await readJson(source, index);
  if (isInvalid(indexJson)) return indexJson;
  if (indexJson === undefined) return invalid("file-missing", `neither ${single} nor ${index} is there`);
  return await readShards(source, indexJson);
}

/** The checked header of a .safetensors file; what is wrong with it is said with its name. */
export async function readSafetensorsHeader(source: FileSource, name: string): Promise<SafetensorsHeader | Invalid> {
  const opened = await source.open(name);
  if (opened.kind === "invalid") return opened;
  await using file = opened;
  const prefix = await file.read({ offsetBytes: 0, lengthBytes: Math.min(prefixBytes, file.sizeBytes) });
  if (isInvalid(prefix)) return prefix;
  const length = readHeaderLength(prefix, file.sizeBytes);
  if (typeof length !== "number") return named(length, name);
  const json = await file.read({ offsetBytes: prefixBytes, lengthBytes: length });
  if (isInvalid(json)) return json;
  const header = parseHeader(json, { file: file.path, sizeBytes: file.sizeBytes });
  return header.kind === "invalid" ? named(header, name) : header;
}

function named(problem: Invalid, name: string): Invalid {
  return invalid(problem.reason, `${name}: ${problem.detail}`);
}

/**
 * The index and the shards must say the same: a tensor that only one of them knows, or that two shards hold, would be
 * loaded by one program and not by another.
 */
async function readShards(source: FileSource, indexJson: JsonObject): Promise<ReadonlyMap<string, Tensor> | Invalid> {
  const shardOf = readWeightMap(indexJson);
  if (isInvalid(shardOf)) return shardOf;
  const tensors = new Map<string, Tensor>();
  for (const shard of new Set(shardOf.values())) {
    const header = await readSafetensorsHeader(source, shard);
    if (header.kind === "invalid") return header;
    for (const [name, tensor] of header.tensors) {
      if (shardOf.get(name) !== shard)
        return invalid("index-mismatch", `${shard} holds tensor ${short(name)}, which ${index} does not place there`);
      tensors.set(name, tensor);
    }
  }
  const missing = [...shardOf].find(([name]) => !tensors.has(name));
  if (missing !== undefined)
    return invalid(
      "index-mismatch",
      `${index} places tensor ${short(missing[0])} in ${missing[1]}, which does not hold it`,
    );
  return refuseDtypes(tensors);
}

function readWeightMap(indexJson: JsonObject): Map<string, string> | Invalid {
  const { weight_map: weightMap } = indexJson;
  if (!isJsonObject(weightMap)) return invalid("index-malformed", `${index} has no weight_map`);
  const shardOf = new Map<string, string>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (typeof shard !== "string" || !shardPattern.test(shard))
      return invalid(
        "index-malformed",
        `${index} places tensor ${short(name)} in what is not a .safetensors file beside it`,
      );
    shardOf.set(name, shard);
  }
  if (new Set(shardOf.values()).size > shardsMax)
    return invalid("index-malformed", `${index} names more than ${shardsMax} files`);
  return shardOf;
}

function refuseDtypes(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> | Invalid {
  for (const [name, { dtype }] of tensors) {
    if (dtype === "F32" || dtype === "F16" || dtype === "BF16" || bufferPattern.test(name)) continue;
    return invalid("dtype-not-allowed", `tensor ${short(name)} is ${dtype}; parameters are F32, F16 or BF16`);
  }
  return tensors;
}

function short(name: string): string {
  return JSON.stringify(name.slice(0, 120));
}
