import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parseHeader } from "./safetensors.ts";
import { narrow, type TensorToWrite, widen, writeSafetensors } from "./safetensors-writer.ts";

const folder = mkdtempSync(join(tmpdir(), "finetune-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what is written is read back, byte for byte", async () => {
  const arbitrary = fc.uniqueArray(
    fc.record({
      name: fc
        .string({ minLength: 1, maxLength: 30, unit: "grapheme-ascii" })
        .filter((name) => name !== "__metadata__"),
      dtype: fc.constantFrom("F32" as const, "F16" as const, "BF16" as const),
      shape: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(
      arbitrary,
      fc.infiniteStream(fc.float({ noNaN: true, noDefaultInfinity: true })),
      async (list, stream) => {
        const written = list.map((tensor): TensorToWrite & { stored: Uint8Array } => {
          const size = tensor.shape.reduce((product, side) => product * side, 1);
          const stored = narrow(
            Float32Array.from({ length: size }, () => stream.next().value as number),
            tensor.dtype,
          );
          return { ...tensor, stored, bytes: () => stored };
        });
        const path = join(folder, "model.safetensors");
        await writeSafetensors(path, written);
        const bytes = readFileSync(path);
        const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
        const header = parseHeader(bytes.subarray(8, headerEnd), { file: path, sizeBytes: bytes.length });
        if (header.kind !== "safetensors") throw new Error(header.detail);
        expect([...header.tensors.keys()].sort()).toEqual(written.map(({ name }) => name).sort());
        for (const { name, dtype, shape, stored } of written) {
          const tensor = header.tensors.get(name)!;
          expect({ dtype: tensor.dtype, shape: tensor.shape }).toEqual({ dtype, shape } as never);
          expect(bytes.subarray(tensor.offsetBytes, tensor.offsetBytes + tensor.lengthBytes).equals(stored)).toBe(true);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("a write that fails leaves neither the file nor a part of it", async () => {
  const broken = { name: "w", dtype: "F32" as const, shape: [2], bytes: () => Promise.reject(new Error("gone")) };
  await expect(writeSafetensors(join(folder, "other.safetensors"), [broken])).rejects.toThrow("gone");
  expect(readdirSync(folder).filter((name) => name.startsWith("other"))).toEqual([]);
});

test("narrowing rounds to the nearest, ties to even", () => {
  const bits = (...words: number[]) => new Float32Array(Uint32Array.from(words).buffer);
  const values = bits(0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x7f800001, 0xff800000);
  const halves = new Uint16Array(narrow(values, "BF16").slice().buffer);
  expect([...halves]).toEqual([0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x7fc0, 0xff80]);
});

test("widening is the inverse of narrowing for every stored value", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, word) => word);
  for (const [dtype, exponent] of [
    ["BF16", 0x7f80],
    ["F16", 0x7c00],
  ] as const) {
    const finite = all.filter((word) => (word & exponent) !== exponent);
    const bytes = new Uint8Array(finite.slice().buffer);
    expect(Buffer.from(narrow(widen(bytes, dtype), dtype)).equals(bytes)).toBe(true);
  }
});
