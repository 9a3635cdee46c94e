/** Writes .safetensors files: complete under their name, or not at all. */
import { assert } from "../base/assert.ts";
import { writeWhole } from "../base/whole-file.ts";
import { dtypeBytes, type TensorDtype } from "./safetensors.ts";

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  /** The stored bytes, little-endian, row-major. Asked for once, when their turn comes: one tensor is in memory at a time. */
  readonly bytes: () => Promise<Uint8Array> | Uint8Array;
}

/**
 * Writes the tensors in the order given; the file is there as a whole or as it was before. The header is padded with
 * spaces to a multiple of eight bytes, as the format's own library does, so that f32 data is aligned.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  let offset = 0;
  const entries = tensors.map(({ name, dtype, shape }) => {
    const length = shape.reduce((size, side) => size * side, dtypeBytes[dtype]);
    const entry = { dtype, shape, data_offsets: [offset, offset + length] };
    offset += length;
    return [name, entry] as const;
  });
  const json = JSON.stringify({ __metadata__: { format: "pt", ...metadata }, ...Object.fromEntries(entries) });
  const header = Buffer.from(json.padEnd(json.length + ((8 - (Buffer.byteLength(json) % 8)) % 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));

  await writeWhole(path, async (file) => {
    await file.writeFile(length);
    await file.writeFile(header);
    for (const [index, tensor] of tensors.entries()) {
      const bytes = await tensor.bytes();
      const [start, end] = entries[index]![1].data_offsets as [number, number];
      assert(bytes.length === end - start, `bytes of ${tensor.name}`);
      await file.writeFile(bytes);
    }
  });
}

/** f32 values in a stored type, rounded to the nearest, ties to even; beyond its range they become infinite. */
export function narrow(values: Float32Array, dtype: TensorDtype): Uint8Array {
  const stored = narrowing[dtype](values);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

const narrowing: Readonly<Record<TensorDtype, (values: Float32Array) => Float32Array | Float16Array | Uint16Array>> = {
  F32: (values) => values,
  F16: (values) => new Float16Array(values),
  BF16: (values) => {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    // Adding half of the last kept bit, less one where that bit is even, rounds to nearest even. A NaN must not carry
    // over into an infinity: it keeps its upper half with the quiet bit set.
    return Uint16Array.from(bits, (word) =>
      (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16,
    );
  },
};

/** The f32 values of stored bytes; exact. */
export function widen(bytes: Uint8Array, dtype: TensorDtype): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset, byteLength } = aligned;
  if (dtype === "F32") return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (dtype === "F16") return Float32Array.from(new Float16Array(buffer, byteOffset, byteLength / 2));
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}
