import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dtypeBytes, parseHeader, readHeaderLength, type SafetensorsReason } from "./safetensors.ts";

/** The header of a file whose tensors follow one another, as an honest writer makes it. */
function headerOf(
  tensors: readonly (readonly [name: string, dtype: keyof typeof dtypeBytes, shape: readonly number[]])[],
) {
  let at = 0;
  const entries = tensors.map(([name, dtype, shape]) => {
    const length = shape.reduce((size, side) => size * side, dtypeBytes[dtype]);
    const entry = { dtype, shape, data_offsets: [at, at + length] };
    at += length;
    return [name, entry] as const;
  });
  return { header: Object.fromEntries(entries) as Record<string, Entry>, dataBytes: at };
}
interface Entry {
  dtype: string;
  shape: readonly number[];
  data_offsets: readonly number[];
}

const bytes = (text: string) => new TextEncoder().encode(text);

function parse(text: string, dataBytes: number) {
  const json = bytes(text);
  return parseHeader(json, { file: "/f", sizeBytes: 8 + json.length + dataBytes });
}

const names = fc.uniqueArray(
  fc.string({ minLength: 1 }).filter((name) => name !== "__metadata__" && name !== "__proto__"),
  {
    minLength: 1,
    maxLength: 6,
  },
);
const model = names.chain((list) =>
  fc.tuple(
    ...list.map((name) =>
      fc.tuple(
        fc.constant(name),
        fc.constantFrom(...(Object.keys(dtypeBytes) as (keyof typeof dtypeBytes)[])),
        fc.array(fc.nat(5), { maxLength: 3 }),
      ),
    ),
  ),
);

describe("headers of .safetensors files", () => {
  test("what an honest writer writes is read back", () => {
    fc.assert(
      fc.property(model, fc.nat(8), (tensors, padding) => {
        const { header, dataBytes } = headerOf(tensors);
        const text = JSON.stringify({ ...header, __metadata__: { format: "pt" } }) + " ".repeat(padding);
        const result = parse(text, dataBytes);
        if (result.kind === "invalid") throw new Error(result.detail);
        expect([...result.tensors.keys()].sort()).toEqual(tensors.map(([name]) => name).sort());
        for (const [name, tensor] of result.tensors) {
          const {
            dtype,
            shape,
            data_offsets: [start, end],
          } = header[name]!;
          expect(tensor).toEqual({
            dtype: dtype as never,
            shape,
            file: "/f",
            offsetBytes: result.dataOffsetBytes + start!,
            lengthBytes: end! - start!,
          });
        }
      }),
    );
  });

  test("whatever is accepted after damage covers the file exactly once", () => {
    const damage = fc.tuple(fc.nat(), fc.nat(4), fc.stringMatching(/^[0-9{}[\],:"FB163 a_]{0,4}$/));
    fc.assert(
      fc.property(
        model,
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: -8, max: 8 }),
        (tensors, damages, extra) => {
          const { header, dataBytes } = headerOf(tensors);
          let text = JSON.stringify(header);
          for (const [at, removed, inserted] of damages) {
            const place = at % (text.length + 1);
            text = text.slice(0, place) + inserted + text.slice(place + removed);
          }
          const sizeBytes = 8 + bytes(text).length + Math.max(dataBytes + extra, 0);
          const result = parseHeader(bytes(text), { file: "/f", sizeBytes });
          if (result.kind === "invalid") return;
          let end = 8 + bytes(text).length;
          for (const tensor of [...result.tensors.values()].sort(
            (a, b) => a.offsetBytes - b.offsetBytes || a.lengthBytes - b.lengthBytes,
          )) {
            expect(tensor.offsetBytes).toBe(end);
            expect(tensor.shape.reduce((size, side) => size * side, dtypeBytes[tensor.dtype])).toBe(tensor.lengthBytes);
            end += tensor.lengthBytes;
          }
          expect(end).toBe(sizeBytes);
        },
      ),
      { numRuns: 3000 },
    );
  });

  const f32 = (start: number, end: number, shape: readonly number[]) => ({
    dtype: "F32",
    shape,
    data_offsets: [start, end],
  });
  const lies: [string, unknown, number, SafetensorsReason][] = [
    ["a tensor beyond the file", { a: f32(0, 16, [4]) }, 8, "tensor-out-of-bounds"],
    ["an end before its start", { a: f32(16, 8, [2]) }, 16, "tensor-out-of-bounds"],
    ["two tensors on the same bytes", { a: f32(0, 16, [4]), b: f32(8, 24, [4]) }, 24, "tensors-overlap"],
    ["one tensor inside another", { a: f32(0, 16, [4]), b: f32(4, 8, [1]) }, 16, "tensors-overlap"],
    ["a hole", { a: f32(0, 8, [2]), b: f32(16, 24, [2]) }, 24, "tensors-leave-a-hole"],
    ["bytes before the first tensor", { a: f32(8, 16, [2]) }, 16, "tensors-leave-a-hole"],
    ["bytes after the last tensor", { a: f32(0, 8, [2]) }, 9, "file-has-trailing-bytes"],
    ["a shape that needs more", { a: f32(0, 8, [3]) }, 8, "tensor-size-mismatch"],
    // 2^32 · 2^32 wraps to 0 in 64 bits.
    ["a product that wraps", { a: f32(0, 0, [4294967296, 4294967296]) }, 0, "tensor-size-mismatch"],
    ["a product beyond 2^53", { a: f32(0, 4, [9007199254740991, 9007199254740991]) }, 4, "tensor-size-mismatch"],
    ["a type of another program", { a: { ...f32(0, 8, [2]), dtype: "F128" } }, 8, "dtype-unknown"],
    ["a type named like a property", { a: { ...f32(0, 8, [2]), dtype: "constructor" } }, 8, "dtype-unknown"],
    ["an unknown field", { a: { ...f32(0, 8, [2]), device: "cuda" } }, 8, "header-malformed"],
    ["a missing field", { a: { dtype: "F32", shape: [2] } }, 8, "header-malformed"],
    ["three offsets", { a: { ...f32(0, 8, [2]), data_offsets: [0, 4, 8] } }, 8, "header-malformed"],
    ["metadata that are not strings", { __metadata__: { a: 1 }, a: f32(0, 8, [2]) }, 8, "header-malformed"],
    ["too many dimensions", { a: f32(0, 4, [1, 1, 1, 1, 1, 1, 1, 1, 1]) }, 4, "header-malformed"],
    ["an array", [], 0, "header-malformed"],
  ];
  for (const [name, header, dataBytes, reason] of lies) {
    test(`refuses ${name}`, () => {
      expect(parse(JSON.stringify(header), dataBytes)).toMatchObject({ kind: "invalid", reason });
    });
  }

  test("refuses a name twice, which JSON.parse would let pass", () => {
    const text = `{"a":${JSON.stringify(f32(0, 8, [2]))},"a":${JSON.stringify(f32(0, 8, [2]))}}`;
    expect(parse(text, 8)).toMatchObject({ reason: "header-malformed", detail: expect.stringContaining("twice") });
  });

  test("a length that the file cannot hold is refused before a byte of it is read", () => {
    const claim = (length: bigint, fileSizeBytes: number) => {
      const prefix = new Uint8Array(8);
      new DataView(prefix.buffer).setBigUint64(0, length, true);
      return readHeaderLength(prefix, fileSizeBytes);
    };
    expect(claim(100n, 108)).toBe(100);
    expect(claim(101n, 108)).toMatchObject({ reason: "file-truncated" });
    expect(claim(100_000_001n, 200_000_000)).toMatchObject({ reason: "header-too-large" });
    expect(claim(2n ** 64n - 1n, 200)).toMatchObject({ reason: "header-too-large" });
    expect(readHeaderLength(new Uint8Array(3), 3)).toMatchObject({ reason: "file-truncated" });
  });
});
