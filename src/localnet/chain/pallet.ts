/**
 * How a pallet is written down: its storage, calls, events, errors and constants as one table, from which the metadata
 * is generated and through which the runtime reads and writes.
 */
import { blake2AsU8a, xxhashAsU8a } from "@polkadot/util-crypto";
import { encode, type ScaleType } from "./scale/type.ts";

/** The hashers that our entries use. All three keep the key readable at the end, so that maps can be walked. */
export type Hasher = "Identity" | "Blake2_128Concat" | "Twox64Concat";

export interface Key<T> {
  readonly hasher: Hasher;
  readonly type: ScaleType<T>;
  /** Only for the type checker. */
  readonly takes?: T;
}

export const identity = <T>(type: ScaleType<T>): Key<T> => ({ hasher: "Identity", type });
export const blake2 = <T>(type: ScaleType<T>): Key<T> => ({ hasher: "Blake2_128Concat", type });
export const twox = <T>(type: ScaleType<T>): Key<T> => ({ hasher: "Twox64Concat", type });

/** One storage entry: a value, or a map of one to three keys. `fallback` is what an absent key reads as. */
export interface StorageEntry<K extends readonly unknown[], V, R = V> {
  readonly keys: readonly Key<unknown>[];
  readonly type: ScaleType<V>;
  readonly fallback: R;
  /** Only for the type checker: the keys that it takes. */
  readonly takes?: (keys: K) => void;
}

type KeysOf<K extends readonly Key<unknown>[]> = { readonly [I in keyof K]: K[I] extends Key<infer T> ? T : never };

/** An entry whose absence reads as a default value. */
export function entry<const K extends readonly Key<unknown>[], V>(
  keys: K,
  type: ScaleType<V>,
  fallback: V,
): StorageEntry<KeysOf<K>, V> {
  return { keys, type, fallback };
}

/** An entry that may be absent. */
export function optional<const K extends readonly Key<unknown>[], V>(
  keys: K,
  type: ScaleType<V>,
): StorageEntry<KeysOf<K>, V, undefined> {
  return { keys, type, fallback: undefined };
}

type AnyEntry = StorageEntry<never, unknown, unknown>;
export type Entries = Readonly<Record<string, AnyEntry>>;

const prefixes = new WeakMap<object, string>();

/** Names the entries of a pallet, which gives each its place in the state. */
export function storageOf<const E extends Entries>(pallet: string, entries: E): E {
  for (const [item, entry] of Object.entries(entries)) prefixes.set(entry, prefixOf(pallet, item));
  return entries;
}

/** twox128(pallet) ‖ twox128(item), as hex without 0x: the key of a value, the prefix of a map. */
export function prefixOf(pallet: string, item: string): string {
  return xxhashAsU8a(pallet, 128).toHex() + xxhashAsU8a(item, 128).toHex();
}

/** The key of an entry under all or the first of its keys, as hex without 0x. */
export function keyOf(entry: AnyEntry, keys: readonly unknown[]): string {
  let key = prefixes.get(entry)!;
  for (let index = 0; index < keys.length; index++) key += hashKey(entry.keys[index]!, keys[index]);
  return key;
}

function hashKey({ hasher, type }: Key<unknown>, value: unknown): string {
  if (hasher === "Identity") return encode(type, value).toHex();
  if (typeof value !== "string") return hashEncoded(hasher, encode(type, value));
  return accountKey(hasher, type, value);
}

function hashEncoded(hasher: Exclude<Hasher, "Identity">, encoded: Uint8Array): string {
  const hash = hasher === "Twox64Concat" ? xxhashAsU8a(encoded, 64) : blake2AsU8a(encoded, 128);
  return hash.toHex() + encoded.toHex();
}

/** Accounts come up again and again, and hashing one costs more than all else about a read. */
const accountKeys = { Twox64Concat: new Map<string, string>(), Blake2_128Concat: new Map<string, string>() } as const;
const accountKeysMax = 20_000;

function accountKey(hasher: Exclude<Hasher, "Identity">, type: ScaleType<unknown>, account: string): string {
  const known = accountKeys[hasher];
  let key = known.get(account);
  if (key === undefined) {
    if (known.size >= accountKeysMax) known.clear();
    key = hashEncoded(hasher, encode(type, account));
    known.set(account, key);
  }
  return key;
}

/** The hex digits of a key's hash before the key itself. */
export const hashHexLength: Readonly<Record<Hasher, number>> = { Identity: 0, Twox64Concat: 16, Blake2_128Concat: 32 };

export interface Constant {
  readonly type: ScaleType<unknown>;
  readonly value: unknown;
}

export function constant<T>(type: ScaleType<T>, value: T): Constant {
  return { type, value };
}

/** A pallet as the metadata lists it. Its index, and those of its calls, events and errors, are the real runtime's. */
export interface Pallet {
  readonly name: string;
  readonly index: number;
  readonly storage?: Entries;
  readonly calls?: ScaleType<unknown>;
  readonly events?: ScaleType<unknown>;
  readonly errors?: ScaleType<unknown>;
  readonly constants?: Readonly<Record<string, Constant>>;
}
