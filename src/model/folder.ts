/**
 * A model as it lies on disk: config.json and the tensors of one or several .safetensors files, everything checked that
 * can be checked without knowing the architecture. No parameter is read.
 */
import { realpath, stat } from "node:fs/promises";
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { isJsonObject, type JsonObject, parseJsonBytes } from "../base/json.ts";
import { parseHeader, prefixBytes, readHeaderLength, type SafetensorsHeader, type Tensor } from "./safetensors.ts";
import { type Links, openUntrusted, readRange, readUntrusted } from "./untrusted-file.ts";

export interface ModelFolder {
  readonly kind: "model-folder";
  /** Absolute, links resolved. */
  readonly path: string;
  readonly links: Links;
  readonly config: JsonObject;
  /** generation_config.json, where there is one. */
  readonly generationConfig: JsonObject | undefined;
  /** By the name on disk. Parameters are F32, F16 or BF16; a known buffer may have another type. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Bytes of all tensors. */
  readonly tensorsBytes: number;
}

/** Sizes beyond which a file is refused unread. The largest known honest ones are a tenth of these. */
export const sizeBytesMax = {
  "config.json": 1 << 20,
  "generation_config.json": 1 << 20,
  "tokenizer.json": 64 << 20,
  "tokenizer_config.json": 16 << 20,
  "special_tokens_map.json": 1 << 20,
  "chat_template.jinja": 1 << 20,
  "model.safetensors.index.json": 16 << 20,
} as const;
export type SmallFile = keyof typeof sizeBytesMax;

const single = "model.safetensors";
const index = "model.safetensors.index.json";
const shardsMax = 1000;
const shardPattern = /^[\w.-]{1,200}\.safetensors$/;
const jsonLimits = { depthMax: 32, valuesMax: 1_000_000 };
/** Constants that older checkpoints stored beside the parameters (causal masks, rotary frequencies); never read. */
const bufferPattern =
  /(^|\.)(attn\.bias|attn\.masked_bias|attention\.bias|attention\.masked_bias|rotary_emb\.inv_freq|position_ids|causal_mask)$/;

/**
 * Opens a model's folder.
 * @param path given by the operator: it may itself be a link; its entries may not, unless `links` says otherwise
 */
export async function openModelFolder(
  path: string,
  options: { readonly links?: Links } = {},
): Promise<ModelFolder | Invalid> {
  const links = options.links ?? "refuse";
  const folder = await resolveFolder(path);
  if (typeof folder !== "string") return folder;
  const config = await readJson(folder, "config.json", links);
  if (isInvalid(config)) return config;
  if (config === undefined) return invalid("file-missing", "config.json is missing");
  const generationConfig = await readJson(folder, "generation_config.json", links);
  if (isInvalid(generationConfig)) return generationConfig;
  const tensors = await readTensors(folder, links);
  if (isInvalid(tensors)) return tensors;
  const tensorsBytes = [...tensors.values()].reduce((sum, tensor) => sum + tensor.lengthBytes, 0);
  return {
    kind: "model-folder",
    path: folder,
    links,
    config: config as JsonObject,
    generationConfig: generationConfig as JsonObject | undefined,
    tensors,
    tensorsBytes,
  };
}

/** One of the small JSON files of a model's folder; `undefined`: there is none. */
export async function readJson(
  folder: string,
  name: SmallFile,
  links: Links,
): Promise<JsonObject | undefined | Invalid> {
  const bytes = await readUntrusted(folder, name, { links, sizeBytesMax: sizeBytesMax[name] });
  if (bytes === undefined || isInvalid(bytes)) return bytes;
  return parseJsonFile(bytes, name);
}

/** Parses one of the small JSON files, which must hold an object. For files that do not lie in a folder. */
export function parseJsonFile(bytes: Uint8Array, name: SmallFile): JsonObject | Invalid {
  const parsed = parseJsonBytes(bytes, jsonLimits);
  if (parsed.kind === "error") return invalid("json-malformed", `${name}: ${parsed.detail}`);
  if (!isJsonObject(parsed.value)) return invalid("json-malformed", `${name} does not hold an object`);
  return parsed.value;
}

/** One of the small text files; `undefined`: there is none. */
export async function readText(folder: string, name: SmallFile, links: Links): Promise<string | undefined | Invalid> {
  const bytes = await readUntrusted(folder, name, { links, sizeBytesMax: sizeBytesMax[name] });
  if (bytes === undefined || isInvalid(bytes)) return bytes;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return invalid("text-malformed", `${name} is not UTF-8`);
  }
}

async function resolveFolder(path: string): Promise<string | Invalid> {
  try {
    const folder = await realpath(path);
    return (await stat(folder)).isDirectory() ? folder : invalid("folder-missing", "the model's path is not a folder");
  } catch {
    return invalid("folder-missing", "the model's folder does not exist or cannot be entered");
  }
}

/** transformers prefers the single file where both exist; so does this. */
async function readTensors(folder: string, links: Links): Promise<ReadonlyMap<string, Tensor> | Invalid> {
  const header = await readHeader(folder, single, links);
  if (header.kind === "safetensors") return refuseDtypes(header.tensors);
  if (header.reason !== "file-missing") return header;
  const indexJson = await readJson(folder, index, links);
  if (isInvalid(indexJson)) return indexJson;
  if (indexJson === undefined) return invalid("file-missing", `neither ${single} nor ${index} is there`);
  return await readShards(folder, indexJson as JsonObject, links);
}

async function readHeader(folder: string, name: string, links: Links): Promise<SafetensorsHeader | Invalid> {
  const opened = await openUntrusted(folder, name, links);
  if (opened.kind === "invalid") return opened;
  await using file = opened;
  try {
    const prefix = await readRange(file, { offsetBytes: 0, lengthBytes: Math.min(prefixBytes, file.sizeBytes) });
    const length = readHeaderLength(prefix, file.sizeBytes);
    if (typeof length !== "number") return named(length, name);
    const json = await readRange(file, { offsetBytes: prefixBytes, lengthBytes: length });
    const header = parseHeader(json, { file: file.path, sizeBytes: file.sizeBytes });
    return header.kind === "invalid" ? named(header, name) : header;
  } catch {
    return invalid("file-unreadable", `${name} cannot be read`);
  }
}

function named(problem: Invalid, name: string): Invalid {
  return invalid(problem.reason, `${name}: ${problem.detail}`);
}

/**
 * The index and the shards must say the same: a tensor that only one of them knows, or that two shards hold, would be
 * loaded by one program and not by another.
 */
async function readShards(
  folder: string,
  indexJson: JsonObject,
  links: Links,
): Promise<ReadonlyMap<string, Tensor> | Invalid> {
  const shardOf = readWeightMap(indexJson);
  if (isInvalid(shardOf)) return shardOf;
  const tensors = new Map<string, Tensor>();
  for (const shard of new Set(shardOf.values())) {
    const header = await readHeader(folder, shard, links);
    if (header.kind === "invalid") return header;
    for (const [name, tensor] of header.tensors) {
      if (shardOf.get(name) !== shard)
        return invalid(
          "index-mismatch",
          `${shard} holds tensor ${JSON.stringify(name.slice(0, 120))}, which ${index} does not place there`,
        );
      tensors.set(name, tensor);
    }
  }
  const missing = [...shardOf].find(([name]) => !tensors.has(name));
  if (missing !== undefined)
    return invalid(
      "index-mismatch",
      `${index} places tensor ${JSON.stringify(missing[0].slice(0, 120))} in ${missing[1]}, which does not hold it`,
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
        `${index} places tensor ${JSON.stringify(name.slice(0, 120))} in what is not a .safetensors file of the folder`,
      );
    shardOf.set(name, shard);
  }
  if (new Set(shardOf.values()).size > shardsMax)
    return invalid("index-malformed", `${index} names more than ${shardsMax} files`);
  return shardOf;
}

function refuseDtypes(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> | Invalid {
  for (const [name, tensor] of tensors) {
    const allowed =
      tensor.dtype === "F32" || tensor.dtype === "F16" || tensor.dtype === "BF16" || bufferPattern.test(name);
    if (!allowed)
      return invalid(
        "dtype-not-allowed",
        `tensor ${JSON.stringify(name.slice(0, 120))} is ${tensor.dtype}; parameters are F32, F16 or BF16`,
      );
  }
  return tensors;
}
