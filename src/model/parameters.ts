/**
 * One pass over every parameter of a model: which tensors hold a NaN or an infinity, and each tensor's L2 norm. A model
 * with either is refused (a NaN loss compares as neither better nor worse), and the norms are what the competitions'
 * norm constraint judges. The same pass digests the parameters, so that a copy is known whatever its files look like.
 */
import { createHash, type Hash } from "node:crypto";
import { basename, dirname } from "node:path";
import { InterruptedError } from "../base/errors.ts";
import { type Invalid, invalid } from "../base/invalid.ts";
import { sumOfSquares } from "../base/sum-of-squares.ts";
import type { Tensor, TensorDtype } from "./safetensors.ts";
import { openUntrusted, readInto } from "./untrusted-file.ts";

export interface ParameterScan {
  readonly kind: "scan";
  /** Tensors with NaN or infinite elements, and how many: empty for a usable model. */
  readonly nonFinite: ReadonlyMap<string, number>;
  /** √Σx² in f64, by name; NaN or infinite where an element is. */
  readonly norms: ReadonlyMap<string, number>;
  /** Of the parameters alone: equal for equal tensors, however they are ordered, cut into files or described there. */
  readonly digest: string;
}

export interface ScanOptions {
  readonly signal?: AbortSignal;
  /** Called after every chunk with the bytes done so far. */
  readonly onProgress?: (doneBytes: number) => void;
}

/** Small enough to stay in the second-level cache between the read and the sum, large enough to hide the call. */
const chunkBytes = 1 << 20;

/** Reads the parameters once. Buffers of other types are not looked at: the graph never reads them. */
export async function scanParameters(
  tensors: ReadonlyMap<string, Tensor>,
  options: ScanOptions = {},
): Promise<ParameterScan | Invalid> {
  const sums = new Map<string, Sums>();
  const hashes = new Map<string, Hash>();
  const problem = await readParameters(tensors, options, (name, dtype) => {
    const sum = { squares: 0, nonFinite: 0 };
    const hash = createHash("sha256");
    sums.set(name, sum);
    hashes.set(name, hash);
    return (part) => {
      addChunk(sum, part, dtype);
      hash.update(part);
    };
  });
  if (problem !== undefined) return problem;
  const digests = new Map([...hashes].map(([name, hash]) => [name, hash.digest("hex")]));
  return {
    kind: "scan",
    nonFinite: new Map([...sums].filter(([, sum]) => sum.nonFinite > 0).map(([name, sum]) => [name, sum.nonFinite])),
    norms: new Map([...sums].map(([name, { squares }]) => [name, Math.sqrt(squares)])),
    digest: digestOf(tensors, digests),
  };
}

/**
 * The first tensor that holds a NaN or an infinity, as the reason why the model cannot be used; undefined: none does. A
 * small part of a scan's time. Throws `InterruptedError` when aborted.
 */
export async function refuseNonFinite(
  tensors: ReadonlyMap<string, Tensor>,
  options: ScanOptions = {},
): Promise<Invalid | undefined> {
  const found = new Map<string, number>();
  const problem = await readParameters(tensors, options, (name, dtype) => (part) => {
    const count = mayHoldNonFinite(part, dtype) ? countNonFinite[dtype](part) : 0;
    if (count > 0) found.set(name, (found.get(name) ?? 0) + count);
  });
  if (problem !== undefined) return problem;
  const [first] = found;
  return (
    first && invalid("parameters-not-finite", `tensor ${first[0]} has ${first[1]} elements that are NaN or infinite`)
  );
}

/**
 * Reads all parameters in the order in which they lie on disk, and keeps no more than one chunk of them in memory.
 * @param visit called at the start of a tensor; what it returns gets the tensor's bytes, a chunk after the other
 */
async function readParameters(
  tensors: ReadonlyMap<string, Tensor>,
  { signal, onProgress }: ScanOptions,
  visit: (name: string, dtype: TensorDtype) => (part: Uint8Array) => void,
): Promise<Invalid | undefined> {
  const chunk = new Uint8Array(chunkBytes);
  let doneBytes = 0;
  for (const [path, entries] of byFile(tensors)) {
    const opened = await openUntrusted(dirname(path), basename(path), "refuse");
    if (opened.kind === "invalid") return opened;
    await using file = opened;
    for (const [name, tensor] of entries) {
      const take = visit(name, tensor.dtype as TensorDtype);
      for (let at = 0; at < tensor.lengthBytes; at += chunkBytes) {
        if (signal?.aborted) throw new InterruptedError();
        const part = chunk.subarray(0, Math.min(chunkBytes, tensor.lengthBytes - at));
        try {
          await readInto(file.handle, part, tensor.offsetBytes + at);
        } catch {
          return invalid("file-unreadable", `${basename(path)} cannot be read to its end`);
        }
        take(part);
        doneBytes += part.length;
        onProgress?.(doneBytes);
      }
    }
  }
  return undefined;
}

/** SHA-256 over name, type, shape and the bytes' digest of every tensor, in the order of the names. */
function digestOf(tensors: ReadonlyMap<string, Tensor>, digests: ReadonlyMap<string, string>): string {
  const names = [...digests.keys()].sort();
  const lines = names.map((name) => {
    const { dtype, shape } = tensors.get(name)!;
    return JSON.stringify([name, dtype, shape, digests.get(name)]);
  });
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

function byFile(tensors: ReadonlyMap<string, Tensor>): Map<string, [string, Tensor][]> {
  const files = new Map<string, [string, Tensor][]>();
  for (const entry of tensors) {
    const tensor = entry[1];
    if (!(tensor.dtype in squares)) continue;
    const entries = files.get(tensor.file);
    if (entries === undefined) files.set(tensor.file, [entry]);
    else entries.push(entry);
  }
  for (const entries of files.values()) entries.sort(([, a], [, b]) => a.offsetBytes - b.offsetBytes);
  return files;
}

interface Sums {
  squares: number;
  nonFinite: number;
}

/**
 * Adds a chunk's squares. The sum of squares of finite values of these types is finite in f64 (at most 2^256 each), so
 * the elements are looked at one by one only when the sum is not.
 */
function addChunk(sums: Sums, bytes: Uint8Array, dtype: TensorDtype): void {
  const sum = squares[dtype](bytes);
  sums.squares += sum;
  if (!Number.isFinite(sum)) sums.nonFinite += countNonFinite[dtype](bytes);
}

const squares: Readonly<Record<TensorDtype, (bytes: Uint8Array) => number>> = {
  F32: (bytes) => sumOfSquares(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)),
  F16: (bytes) => sumSquares16(halves(bytes), f16Squares()),
  BF16: (bytes) => sumSquares16(halves(bytes), bf16Squares()),
};

const countNonFinite: Readonly<Record<TensorDtype, (bytes: Uint8Array) => number>> = {
  F32: (bytes) => count(new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), 0x7f800000),
  F16: (bytes) => count(halves(bytes), 0x7c00),
  BF16: (bytes) => count(halves(bytes), 0x7f80),
};

function halves(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}

/** NaN and infinity are the values whose exponent bits are all set. */
function count(words: Uint16Array | Uint32Array, exponent: number): number {
  let found = 0;
  for (const word of words) if ((word & exponent) === exponent) found += 1;
  return found;
}

/**
 * Of a word, which holds one number or two: the bits of the exponents, the lowest of each, and the signs. An exponent that
 * is full runs over into the sign when its lowest bit is added.
 */
const words: Readonly<
  Record<TensorDtype, { readonly exponents: number; readonly lowest: number; readonly signs: number }>
> = {
  F32: { exponents: 0x7f800000, lowest: 0x00800000, signs: 0x80000000 },
  F16: { exponents: 0x7c007c00, lowest: 0x04000400, signs: 0x80008000 },
  BF16: { exponents: 0x7f807f80, lowest: 0x00800080, signs: 0x80008000 },
};

/** Looks at words instead of numbers, and at the signs of all of them together. */
function mayHoldNonFinite(bytes: Uint8Array, dtype: TensorDtype): boolean {
  const { exponents, lowest, signs } = words[dtype];
  const whole = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let overrun = 0;
  for (let i = 0; i < whole.length; i++) overrun |= (whole[i]! & exponents) + lowest;
  // Of an odd number of halves the last is in no word.
  return (overrun & signs) !== 0 || bytes.length % 4 !== 0;
}

/** As `sumOfSquares`, of half-precision numbers whose squares a table holds. */
function sumSquares16(words: Uint16Array, table: Float64Array): number {
  const end = words.length & ~3;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < end; i += 4) {
    a += table[words[i]!]!;
    b += table[words[i + 1]!]!;
    c += table[words[i + 2]!]!;
    d += table[words[i + 3]!]!;
  }
  for (let i = end; i < words.length; i++) a += table[words[i]!]!;
  return a + b + (c + d);
}

/** The square of every one of the 65,536 values of a 16-bit type: exact in f64, and faster than converting each. */
function squaresOf(toNumber: (word: number) => number): () => Float64Array {
  let table: Float64Array | undefined;
  return () => (table ??= Float64Array.from({ length: 65536 }, (_, word) => toNumber(word) ** 2));
}

const word = new DataView(new ArrayBuffer(4));
const bf16Squares = squaresOf((bits) => {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
});
const f16Squares = squaresOf((bits) => {
  word.setUint16(0, bits);
  return word.getFloat16(0);
});
