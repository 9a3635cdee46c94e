/**
 * The header of a .safetensors file: 8 bytes of little-endian length, that many bytes of JSON, then the tensors. The
 * header is written by a stranger, and what it says becomes pointers into a mapped file, so nothing is believed: the
 * rules are those of the format's own reference reader, and stricter where it is silent.
 */
import { type Invalid, invalid } from "../base/invalid.ts";
import { isJsonObject, type Json, type JsonObject, parseJsonBytes } from "../base/json.ts";

/** Bytes of one element of every type of the format that has whole bytes. */
export const dtypeBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type StoredDtype = keyof typeof dtypeBytes;
/** The types that parameters may have. */
export type TensorDtype = "F32" | "F16" | "BF16";

export interface Tensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  /** The absolute path of the file, links resolved. */
  readonly file: string;
  /** From the start of the file, header included. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface SafetensorsHeader {
  readonly kind: "safetensors";
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the first tensor starts. */
  readonly dataOffsetBytes: number;
}

export type SafetensorsReason =
  | "header-too-large"
  | "header-malformed"
  | "dtype-unknown"
  | "tensor-out-of-bounds"
  | "tensor-size-mismatch"
  | "tensors-overlap"
  | "tensors-leave-a-hole"
  | "file-truncated"
  | "file-has-trailing-bytes";

/** The format's own limit. */
export const headerSizeBytesMax = 100_000_000;
/** Bytes before the JSON: its length. */
export const prefixBytes = 8;
const tensorsMax = 500_000;
const rankMax = 8;
const nameLengthMax = 1024;

/**
 * The length of the JSON from the file's first eight bytes, or why it cannot be one.
 * @param fileSizeBytes the size of the whole file: a header that claims more than the file holds is refused unread
 */
export function readHeaderLength(prefix: Uint8Array, fileSizeBytes: number): number | Invalid {
  if (prefix.length < prefixBytes || fileSizeBytes < prefixBytes)
    return invalid("file-truncated", `the file has ${fileSizeBytes} bytes, too few for a header`);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(headerSizeBytesMax))
    return invalid("header-too-large", `the header claims ${length} bytes, the limit is ${headerSizeBytesMax}`);
  if (Number(length) > fileSizeBytes - prefixBytes)
    return invalid("file-truncated", `the header claims ${length} bytes, the file has ${fileSizeBytes}`);
  return Number(length);
}

/**
 * Reads a header's JSON (without the eight bytes of length) and checks it against the file.
 * Every tensor starts where the one before it ends, the last ends with the file: so none overlap and nothing is hidden.
 */
export function parseHeader(
  json: Uint8Array,
  source: { readonly file: string; readonly sizeBytes: number },
): SafetensorsHeader | Invalid {
  if (json[0] !== 0x7b) return invalid("header-malformed", "the header does not start with {");
  const parsed = parseJsonBytes(json, { depthMax: 3, valuesMax: tensorsMax * 8, integersOnly: true });
  if (parsed.kind === "error")
    return invalid("header-malformed", `the header is not JSON as the format wants it: ${parsed.detail}`);
  const { __metadata__: metadata, ...entries } = parsed.value as JsonObject;
  if (!isMetadata(metadata)) return invalid("header-malformed", "__metadata__ is not an object of strings");
  const dataOffsetBytes = prefixBytes + json.length;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(entries)) {
    const tensor = readEntry(name, entry, { file: source.file, dataOffsetBytes });
    if ("kind" in tensor) return tensor;
    tensors.set(name, tensor);
  }
  return (
    findGap(tensors, dataOffsetBytes, source.sizeBytes) ?? {
      kind: "safetensors",
      tensors,
      metadata: metadata ?? {},
      dataOffsetBytes,
    }
  );
}

function isMetadata(value: Json | undefined): value is Readonly<Record<string, string>> | undefined {
  return value === undefined || (isJsonObject(value) && Object.values(value).every((item) => typeof item === "string"));
}

function readEntry(
  name: string,
  entry: Json,
  place: { readonly file: string; readonly dataOffsetBytes: number },
): Tensor | Invalid {
  const quoted = JSON.stringify(name.slice(0, 120));
  const malformed = (what: string) => invalid("header-malformed", `tensor ${quoted}: ${what}`);
  if (name.length > nameLengthMax) return malformed(`the name is longer than ${nameLengthMax} characters`);
  if (!isJsonObject(entry)) return malformed("not an object");
  const { dtype, shape, data_offsets: offsets, ...others } = entry;
  if (Object.keys(others).length > 0)
    return malformed(`an unknown field ${JSON.stringify(Object.keys(others)[0]!.slice(0, 80))}`);
  if (typeof dtype !== "string") return malformed("dtype is not a string");
  if (!Object.hasOwn(dtypeBytes, dtype))
    return invalid("dtype-unknown", `tensor ${quoted}: dtype ${JSON.stringify(dtype.slice(0, 40))} is unknown`);
  if (!isIntegers(shape) || shape.length > rankMax)
    return malformed(`shape is not a list of at most ${rankMax} integers`);
  if (!isIntegers(offsets) || offsets.length !== 2) return malformed("data_offsets is not a pair of integers");
  const [start, end] = offsets as readonly [number, number];
  if (end < start)
    return invalid("tensor-out-of-bounds", `tensor ${quoted}: ends at ${end}, before its start ${start}`);
  // BigInt, since a product of safe integers need not be one: a wrapped product is how a small tensor passes for a large one.
  const wanted = shape.reduce((product, size) => product * BigInt(size), BigInt(dtypeBytes[dtype as StoredDtype]));
  if (wanted !== BigInt(end - start))
    return invalid(
      "tensor-size-mismatch",
      `tensor ${quoted}: ${dtype} [${shape.join(", ")}] needs ${wanted} bytes, has ${end - start}`,
    );
  const offsetBytes = place.dataOffsetBytes + start;
  return { dtype: dtype as StoredDtype, shape, file: place.file, offsetBytes, lengthBytes: end - start };
}

function isIntegers(value: Json | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

function findGap(
  tensors: ReadonlyMap<string, Tensor>,
  dataOffsetBytes: number,
  fileSizeBytes: number,
): Invalid | undefined {
  const ordered = [...tensors].sort(([, a], [, b]) => a.offsetBytes - b.offsetBytes || a.lengthBytes - b.lengthBytes);
  let end = dataOffsetBytes;
  for (const [name, tensor] of ordered) {
    const quoted = JSON.stringify(name.slice(0, 120));
    const tensorEnd = tensor.offsetBytes + tensor.lengthBytes;
    if (tensorEnd > fileSizeBytes)
      return invalid(
        "tensor-out-of-bounds",
        `tensor ${quoted} ends at byte ${tensorEnd}, the file at ${fileSizeBytes}`,
      );
    if (tensor.offsetBytes < end) return invalid("tensors-overlap", `tensor ${quoted} overlaps the one before it`);
    if (tensor.offsetBytes > end)
      return invalid(
        "tensors-leave-a-hole",
        `${tensor.offsetBytes - end} bytes before tensor ${quoted} belong to none`,
      );
    end = tensorEnd;
  }
  if (end < fileSizeBytes)
    return invalid("file-has-trailing-bytes", `${fileSizeBytes - end} bytes after the last tensor belong to none`);
  return undefined;
}
