/**
 * SCALE values as plain JavaScript: what the rest of the client reads, whatever the runtime's version wraps them in.
 * Integers up to 32 bits are numbers and wider ones bigints, by type and never by value; accounts are SS58; bytes are
 * Uint8Array; an enum is {kind, value}; an absent option is null.
 */
import {
  CodecSet,
  Compact,
  Enum,
  GenericAccountId,
  GenericEvent,
  Metadata,
  Null,
  Option,
  TypeRegistry,
} from "@polkadot/types";
import type { Codec } from "@polkadot/types/types";
import { messageOf } from "../base/errors.ts";

export type { Header as ScaleHeader } from "@polkadot/types/interfaces";
export type { Codec } from "@polkadot/types/types";

export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain };

interface Integer extends Codec {
  bitLength(): number;
  toBigInt(): bigint;
}

/** The plain form of a decoded value. */
export function plainOf(codec: Codec): Plain {
  // The classes come before shapes: an enum with a variant "None" has an `isNone` like an option's.
  if (codec instanceof GenericAccountId) return codec.toString();
  if (codec instanceof GenericEvent) return plainOfEvent(codec);
  if (codec instanceof Enum) return { kind: codec.type, value: plainOf(codec.inner) };
  if (codec instanceof Option) return codec.isNone ? null : plainOf(codec.unwrap());
  if (codec instanceof Compact) return plainOf(codec.unwrap());
  if (codec instanceof Null) return null;
  if (codec instanceof CodecSet) return [...codec.strings];
  if (codec instanceof Uint8Array) return Uint8Array.from(codec);
  if (codec instanceof Boolean) return codec.valueOf();
  if (codec instanceof String) return codec.valueOf();
  if (codec instanceof Map) return plainOfMap(codec);
  if (Array.isArray(codec)) return codec.map((item: Codec) => plainOf(item));
  if (isInteger(codec)) return codec.bitLength() <= 32 ? Number(codec.toBigInt()) : codec.toBigInt();
  return codec.toU8a();
}

function isInteger(codec: Codec): codec is Integer {
  const { bitLength, toBigInt } = codec as Partial<Integer>;
  return typeof bitLength === "function" && typeof toBigInt === "function";
}

/** {pallet, name, data}; data by name where the event's fields have names. The library spells pallets in camelCase. */
function plainOfEvent({ section, method, data }: GenericEvent): Plain {
  const fields = [...data].map((field) => plainOf(field));
  return {
    pallet: `${section.charAt(0).toUpperCase()}${section.slice(1)}`,
    name: method,
    data: data.names === null ? fields : Object.fromEntries(data.names.map((name, index) => [name, fields[index]!])),
  };
}

/** A struct's keys are text; a BTreeMap's are values and stay a list of pairs. */
function plainOfMap(map: Map<unknown, Codec>): Plain {
  const pairs = [...map.entries()];
  if (pairs.every(([key]) => typeof key === "string"))
    return Object.fromEntries(pairs.map(([key, value]) => [key as string, plainOf(value)]));
  return pairs.map(([key, value]) => [plainOf(key as Codec), plainOf(value)]);
}

const ownTypes = new TypeRegistry();

/** A value of a type that needs no metadata. Bytes are its encoding; anything else, its JSON. Throws when it is none. */
export function builtIn<T extends Codec>(type: string, value: unknown): T {
  return ownTypes.createTypeUnsafe<T>(type, [value]);
}

/** Why metadata cannot be read, or undefined when it can. */
export function metadataProblem(metadata: string): string | undefined {
  try {
    const { pallets } = new Metadata(new TypeRegistry(), metadata as `0x${string}`).asLatest;
    // The library reads nothing at all as metadata without pallets.
    return pallets.some(({ name }) => name.toString() === "System") ? undefined : "there is no System pallet";
  } catch (error) {
    return messageOf(error);
  }
}
