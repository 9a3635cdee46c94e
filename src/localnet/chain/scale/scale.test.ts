/** Our bytes are @polkadot/types' bytes, and bytes from strangers are values or MalformedBytes, never anything else. */
import { describe, expect, test } from "bun:test";
import { TypeRegistry } from "@polkadot/types";
import fc from "fast-check";
import { eventRecord, runtimeCall } from "../pallets/index.ts";
import { data } from "../types/commitment.ts";
import { era, eraBirth, multiAddress } from "../types/substrate.ts";
import { MalformedBytes } from "./bytes.ts";
import {
  bool,
  bytes,
  compactU32,
  compactU64,
  compactU128,
  decode,
  encode,
  i16,
  i64,
  i128,
  option,
  type ScaleType,
  text,
  tuple,
  u8,
  u16,
  u32,
  u64,
  u128,
  vec,
} from "./type.ts";

const registry = new TypeRegistry();
const unsigned = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const signedInt = (bits: number) => fc.bigInt({ min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n });

const cases: readonly (readonly [string, ScaleType<unknown>, fc.Arbitrary<unknown>])[] = [
  ["bool", bool, fc.boolean()],
  ["u8", u8, fc.integer({ min: 0, max: 255 })],
  ["u16", u16, fc.integer({ min: 0, max: 65_535 })],
  ["u32", u32, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  ["u64", u64, unsigned(64)],
  ["u128", u128, unsigned(128)],
  ["i16", i16, fc.integer({ min: -32_768, max: 32_767 })],
  ["i64", i64, signedInt(64)],
  ["i128", i128, signedInt(128)],
  ["Text", text, fc.string()],
  ["Compact<u32>", compactU32, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  ["Compact<u64>", compactU64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  ["Compact<u128>", compactU128, unsigned(128)],
  ["Vec<u16>", vec(u16), fc.array(fc.integer({ min: 0, max: 65_535 }), { maxLength: 100 })],
  ["Option<u32>", option(u32), fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }))],
  ["(u8,Compact<u64>)", tuple(u8, compactU64), fc.tuple(fc.integer({ min: 0, max: 255 }), unsigned(64))],
];

describe("agreement with @polkadot/types", () => {
  for (const [name, type, values] of cases) {
    test(name, () => {
      fc.assert(
        fc.property(values, (value) => {
          const encoded = encode(type, value);
          expect(encoded.toHex()).toBe(registry.createType(name, value).toU8a().toHex());
          expect(decode(type, encoded)).toEqual(value);
        }),
      );
    });
  }

  test("the edges of the compact form", () => {
    for (const value of [0n, 63n, 64n, 16_383n, 16_384n, 2n ** 30n - 1n, 2n ** 30n, 2n ** 32n, 2n ** 64n - 1n]) {
      expect(encode(compactU64, value).toHex()).toBe(registry.createType("Compact<u64>", value).toU8a().toHex());
    }
  });

  test("eras", () => {
    for (const period of [4, 8, 64, 128, 4096, 65_536]) {
      for (const current of [0, 1, 77, 4095, 1_000_000]) {
        const theirs = registry.createType("ExtrinsicEra", { current, period });
        const ours = decode(era, theirs.toU8a());
        expect(encode(era, ours).toHex()).toBe(theirs.toHex().slice(2));
        const read = registry.createType("ExtrinsicEra", theirs.toU8a()).asMortalEra;
        expect(ours).toEqual({ type: "Mortal", period: read.period.toNumber(), phase: read.phase.toNumber() });
        expect(eraBirth(ours, current)).toBe(read.birth(current));
      }
    }
  });
});

describe("bytes of strangers", () => {
  const types: readonly (readonly [string, ScaleType<unknown>])[] = [
    ["a call", runtimeCall],
    ["an event", eventRecord],
    ["a commitment's field", data],
    ["an address", multiAddress],
  ];
  for (const [name, type] of types) {
    test(`${name} decodes or is malformed`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (hostile) => {
          try {
            expect(decode(type, encode(type, decode(type, hostile)))).toEqual(decode(type, hostile));
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedBytes);
          }
        }),
        { numRuns: 2000 },
      );
    });
  }

  test("a list that claims more than its bytes hold is refused before it is read", () => {
    expect(() => decode(vec(u64), encode(compactU64, 2n ** 60n))).toThrow(MalformedBytes);
    expect(() => decode(bytes, Uint8Array.of(0xfe, 0xff, 0xff, 0xff))).toThrow(MalformedBytes);
  });

  test("bytes after the value are refused", () => {
    expect(() => decode(u16, new Uint8Array(3))).toThrow(MalformedBytes);
  });
});
