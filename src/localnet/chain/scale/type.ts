/**
 * Types of the chain: one definition both encodes values and describes itself to the metadata, so that what a client
 * is told and what it is sent cannot differ. Values are plain: numbers up to 32 bits, bigints above, 0x-hex for
 * accounts and hashes, Uint8Array for bytes, `{ type, value }` for variants.
 */
import { MalformedBytes, ScaleReader, ScaleWriter } from "./bytes.ts";
import type { Description, Field, PrimitiveName, ScaleType, TypeTable } from "./table.ts";

export type { ScaleType };

export type ValueOf<S> = S extends ScaleType<infer T> ? T : never;

export function encode<T>(type: ScaleType<T>, value: T): Uint8Array {
  const writer = new ScaleWriter();
  type.encode(value, writer);
  return writer.bytes();
}

/** Decodes the whole of `bytes`. Throws `MalformedBytes` where they do not hold exactly one value. */
export function decode<T>(type: ScaleType<T>, bytes: Uint8Array): T {
  const reader = new ScaleReader(bytes);
  const value = type.decode(reader);
  if (reader.remaining > 0) throw new MalformedBytes(`${reader.remaining} bytes follow the value`);
  return value;
}

function primitive<T>(
  name: PrimitiveName,
  encode: (value: T, to: ScaleWriter) => void,
  decode: (from: ScaleReader) => T,
): ScaleType<T> {
  return {
    name: name.toLowerCase(),
    encode,
    decode,
    describe: () => ({ path: [], def: { type: "Primitive", value: name } }),
  };
}

export const bool = primitive<boolean>(
  "Bool",
  (value, to) => to.u8(value ? 1 : 0),
  (from) => {
    const byte = from.u8();
    if (byte > 1) throw new MalformedBytes(`${byte} is not a bool`);
    return byte === 1;
  },
);
export const u8 = primitive<number>(
  "U8",
  (value, to) => to.u8(value),
  (from) => from.u8(),
);
export const u16 = primitive<number>(
  "U16",
  (value, to) => to.u16(value),
  (from) => from.u16(),
);
export const u32 = primitive<number>(
  "U32",
  (value, to) => to.u32(value),
  (from) => from.u32(),
);
export const u64 = primitive<bigint>(
  "U64",
  (value, to) => to.u64(value),
  (from) => from.u64(),
);
export const u128 = primitive<bigint>(
  "U128",
  (value, to) => {
    to.u64(value & 0xffff_ffff_ffff_ffffn);
    to.u64(value >> 64n);
  },
  (from) => from.u64() | (from.u64() << 64n),
);
export const i16 = primitive<number>(
  "I16",
  (value, to) => to.u16(value & 0xffff),
  (from) => (from.u16() << 16) >> 16,
);
export const i64 = primitive<bigint>(
  "I64",
  (value, to) => to.u64(BigInt.asUintN(64, value)),
  (from) => BigInt.asIntN(64, from.u64()),
);
export const i128 = primitive<bigint>(
  "I128",
  (value, to) => u128.encode(BigInt.asUintN(128, value), to),
  (from) => BigInt.asIntN(128, u128.decode(from)),
);
export const text = primitive<string>(
  "Str",
  (value, to) => bytes.encode(new TextEncoder().encode(value), to),
  (from) => new TextDecoder().decode(bytes.decode(from)),
);

/** One vec, option and compact for each inner type, so that the metadata lists each once. */
const memory = new WeakMap<object, Map<string, unknown>>();
function memoized<S>(inner: object, kind: string, make: () => S): S {
  let kinds = memory.get(inner);
  if (kinds === undefined) memory.set(inner, (kinds = new Map()));
  if (!kinds.has(kind)) kinds.set(kind, make());
  return kinds.get(kind) as S;
}

/** An integer in its compact form; its range is checked when it is read. */
function compactOf<T extends number | bigint>(inner: ScaleType<T>, bits: bigint, convert: (value: bigint) => T) {
  return memoized(
    inner,
    "compact",
    (): ScaleType<T> => ({
      name: `Compact<${inner.name}>`,
      encode: (value, to) => to.compact(value),
      decode: (from) => {
        const value = from.compact();
        if (value >> bits !== 0n) throw new MalformedBytes(`${value} is more than ${bits} bits`);
        return convert(value);
      },
      describe: (table) => ({ path: [], def: { type: "Compact", value: table.idOf(inner) } }),
    }),
  );
}
export const compactU8 = compactOf(u8, 8n, Number);
export const compactU16 = compactOf(u16, 16n, Number);
export const compactU32 = compactOf(u32, 32n, Number);
export const compactU64 = compactOf(u64, 64n, (value) => value);
export const compactU128 = compactOf(u128, 128n, (value) => value);

/** A list of any length. */
export function vec<T>(inner: ScaleType<T>): ScaleType<readonly T[]> {
  return memoized(inner, "vec", () => ({
    name: `Vec<${inner.name}>`,
    encode: (values, to) => {
      to.compact(values.length);
      for (const value of values) inner.encode(value, to);
    },
    decode: (from) => {
      const count = from.count(1);
      const values: T[] = [];
      for (let index = 0; index < count; index++) values.push(inner.decode(from));
      return values;
    },
    describe: (table) => ({ path: [], def: { type: "Sequence", value: table.idOf(inner) } }),
  }));
}

/** `Vec<u8>` as a Uint8Array. */
export const bytes: ScaleType<Uint8Array> = {
  name: "Vec<u8>",
  encode: (value, to) => {
    to.compact(value.length);
    to.raw(value);
  },
  decode: (from) => from.raw(from.count(1)),
  describe: (table) => ({ path: [], def: { type: "Sequence", value: table.idOf(u8) } }),
};

/** Bytes of at most `sizeBytesMax`: longer ones do not decode, as in the runtime. */
export function boundedBytes(sizeBytesMax: number): ScaleType<Uint8Array> {
  return {
    name: `BoundedVec<u8, ConstU32<${sizeBytesMax}>>`,
    encode: bytes.encode,
    decode: (from) => {
      const size = from.count(1);
      if (size > sizeBytesMax) throw new MalformedBytes(`${size} bytes where at most ${sizeBytesMax} fit`);
      return from.raw(size);
    },
    describe: (table) => ({
      path: ["bounded_collections", "bounded_vec", "BoundedVec"],
      params: [
        ["T", table.idOf(u8)],
        ["S", null],
      ],
      def: { type: "Composite", value: [{ type: table.idOf(bytes), typeName: "Vec<T>" }] },
    }),
  };
}

/** A list of at most `countMax` elements. */
export function boundedVec<T>(inner: ScaleType<T>, countMax: number): ScaleType<readonly T[]> {
  const list = vec(inner);
  return {
    name: `BoundedVec<${inner.name}, ConstU32<${countMax}>>`,
    encode: list.encode,
    decode: (from) => {
      const values = list.decode(from);
      if (values.length > countMax) throw new MalformedBytes(`${values.length} elements where at most ${countMax} fit`);
      return values;
    },
    describe: (table) => ({
      path: ["bounded_collections", "bounded_vec", "BoundedVec"],
      params: [
        ["T", table.idOf(inner)],
        ["S", null],
      ],
      def: { type: "Composite", value: [{ type: table.idOf(list), typeName: "Vec<T>" }] },
    }),
  };
}

/** Exactly `size` bytes as 0x-hex: what accounts and hashes are, so that they compare and key maps as they are. */
export function fixedHex(size: number): ScaleType<string> {
  return {
    name: `[u8; ${size}]`,
    encode: (value, to) => to.raw(Uint8Array.fromHex(value.slice(2))),
    decode: (from) => `0x${from.raw(size).toHex()}`,
    describe: (table) => ({ path: [], def: { type: "Array", value: { len: size, type: table.idOf(u8) } } }),
  };
}

/** Exactly `length` elements. */
export function array<T>(inner: ScaleType<T>, length: number): ScaleType<readonly T[]> {
  return {
    name: `[${inner.name}; ${length}]`,
    encode: (values, to) => {
      for (const value of values) inner.encode(value, to);
    },
    decode: (from) => Array.from({ length }, () => inner.decode(from)),
    describe: (table) => ({ path: [], def: { type: "Array", value: { len: length, type: table.idOf(inner) } } }),
  };
}

export function option<T>(inner: ScaleType<T>): ScaleType<T | null> {
  return memoized(inner, "option", () => ({
    name: `Option<${inner.name}>`,
    encode: (value, to) => {
      to.u8(value === null ? 0 : 1);
      if (value !== null) inner.encode(value, to);
    },
    decode: (from) => (bool.decode(from) ? inner.decode(from) : null),
    describe: (table) => ({
      path: ["Option"],
      params: [["T", table.idOf(inner)]],
      def: {
        type: "Variant",
        value: [
          { name: "None", index: 0, fields: [] },
          { name: "Some", index: 1, fields: [{ type: table.idOf(inner) }] },
        ],
      },
    }),
  }));
}

type Values<T extends readonly unknown[]> = { readonly [K in keyof T]: ValueOf<T[K]> };

export function tuple<const T extends readonly unknown[]>(
  ...inner: T & readonly ScaleType<unknown>[]
): ScaleType<Values<T>> {
  const types: readonly ScaleType<unknown>[] = inner;
  return {
    name: `(${types.map((type) => type.name).join(", ")})`,
    encode: (values, to) => {
      for (const [index, type] of types.entries()) type.encode(values[index], to);
    },
    decode: (from) => types.map((type) => type.decode(from)) as unknown as Values<T>,
    describe: (table) => ({ path: [], def: { type: "Tuple", value: types.map((type) => table.idOf(type)) } }),
  };
}

/** Fields of a struct or of a variant, by name. */
export type Fields = Readonly<Record<string, ScaleType<unknown>>>;
export type FieldValues<F> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** A struct of named fields. `path` is the Rust path, `a::b::Name`. */
export function struct<const F extends Readonly<Record<string, unknown>>>(
  path: string,
  fields: F & Fields,
): ScaleType<FieldValues<F>> {
  const entries = Object.entries<ScaleType<unknown>>(fields);
  return {
    name: nameIn(path),
    encode: (value, to) => {
      for (const [name, type] of entries) type.encode((value as Record<string, unknown>)[name], to);
    },
    decode: (from) => {
      const value: Record<string, unknown> = {};
      for (const [name, type] of entries) value[name] = type.decode(from);
      return value as FieldValues<F>;
    },
    describe: (table) => ({
      path: path.split("::"),
      def: { type: "Composite", value: entries.map(([name, type]) => describeField(table, type, name)) },
    }),
  };
}

/** A struct around one unnamed field, invisible in the bytes and in the value. */
export function wrapper<T>(path: string, inner: ScaleType<T>, params: readonly [string, null][] = []): ScaleType<T> {
  return {
    name: nameIn(path),
    encode: inner.encode,
    decode: inner.decode,
    describe: (table) => ({
      path: path.split("::"),
      params,
      def: { type: "Composite", value: [describeField(table, inner)] },
    }),
  };
}

/** A struct without fields: signed extensions that encode to nothing. */
export function empty(path: string): ScaleType<null> {
  return {
    name: nameIn(path),
    encode: () => {},
    decode: () => null,
    describe: () => ({ path: path.split("::"), def: { type: "Composite", value: [] } }),
  };
}

/** The same bytes and values under another description: where Rust's type has parameters or a field of its own. */
export function described<T>(inner: ScaleType<T>, describe: (table: TypeTable) => Description): ScaleType<T> {
  return { ...inner, describe };
}

/** The empty tuple. */
export const unit: ScaleType<null> = {
  name: "()",
  encode: () => {},
  decode: () => null,
  describe: () => ({ path: [], def: { type: "Tuple", value: [] } }),
};

export function nameIn(path: string): string {
  return path.slice(path.lastIndexOf(":") + 1);
}

export function describeField(table: TypeTable, type: ScaleType<unknown>, name?: string): Field {
  const field: Field = { type: table.idOf(type), typeName: type.name };
  return name === undefined ? field : { name, ...field };
}
