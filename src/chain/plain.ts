/**
 * SCALE values as plain JavaScript: what the rest of the client reads, whatever the runtime's version wraps them in.
 * Integers up to 32 bits are numbers and wider ones bigints, by type and never by value; accounts are SS58; bytes are
 * Uint8Array; an enum is {kind, value}; an absent option is null.
 */
import { GenericAccountId, type U8aFixed } from "@polkadot/types";
import type { Codec } from "@polkadot/types/types";

export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain };

interface CodecShape extends Codec {
  readonly isNone?: boolean;
  readonly unwrap?: () => Codec;
  readonly type?: string;
  readonly inner?: Codec;
  readonly index?: number;
  readonly bitLength?: () => number;
  readonly toBigInt?: () => bigint;
}

/** The plain form of a decoded value. */
export function plainOf(codec: Codec): Plain {
  const shape = codec as CodecShape;
  if (shape instanceof GenericAccountId) return shape.toString();
  if (shape instanceof Uint8Array) return Uint8Array.from(shape as U8aFixed);
  if (shape instanceof Boolean) return shape.valueOf();
  if (shape instanceof String) return shape.valueOf();
  if (typeof shape.isNone === "boolean") return shape.isNone ? null : plainOf(shape.unwrap!());
  if (typeof shape.toBigInt === "function" && typeof shape.bitLength === "function")
    return shape.bitLength() <= 32 ? Number(shape.toBigInt()) : shape.toBigInt();
  if (shape instanceof Map) return plainOfMap(shape);
  if (Array.isArray(shape)) return shape.map((item: Codec) => plainOf(item));
  if (typeof shape.type === "string" && shape.inner !== undefined)
    return { kind: shape.type, value: shape.inner.toRawType() === "Null" ? null : plainOf(shape.inner) };
  if (typeof shape.unwrap === "function") return plainOf(shape.unwrap());
  if (shape instanceof Set) return [...shape].map((item) => plainOf(item as Codec));
  if (codec.toRawType() === "Null") return null;
  return codec.toU8a();
}

/** A struct's keys are text; a BTreeMap's are values and stay a list of pairs. */
function plainOfMap(map: Map<unknown, Codec>): Plain {
  const pairs = [...map.entries()];
  if (pairs.every(([key]) => typeof key === "string"))
    return Object.fromEntries(pairs.map(([key, value]) => [key as string, plainOf(value)]));
  return pairs.map(([key, value]) => [plainOf(key as Codec), plainOf(value)]);
}
