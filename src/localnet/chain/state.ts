/**
 * The state of the chain: bytes under hashed keys, read and written through the entries of the pallets. Writing is
 * undoable down to a mark, since an extrinsic that fails must leave nothing but its fee.
 */

import { hashHexLength, keyOf, type StorageEntry } from "./pallet.ts";
import { decode, encode } from "./scale/type.ts";
import { readerOf } from "./types/substrate.ts";

/** A state that can be read: the head's, or that of an earlier block. */
export interface StateView {
  /** The bytes under a key (hex without 0x), undefined where there are none. */
  raw(key: string): Uint8Array | undefined;
  /** The value of an entry; its fallback where the key is absent. Values are shared: never change one in place. */
  get<K extends readonly unknown[], V, R>(entry: StorageEntry<K, V, R>, ...keys: K): V | R;
}

/** What a block changed: the new bytes of each key, undefined where it was removed. */
export type Changes = ReadonlyMap<string, Uint8Array | undefined>;

/** Decoded values of stored bytes. The bytes of a key are replaced and never edited, so they can stand for the value. */
const decoded = new WeakMap<Uint8Array, unknown>();

export function viewOf(raw: (key: string) => Uint8Array | undefined): StateView {
  return {
    raw,
    get: (entry, ...keys) => {
      const bytes = raw(keyOf(entry, keys));
      if (bytes === undefined) return entry.fallback;
      if (!decoded.has(bytes)) decoded.set(bytes, decode(entry.type, bytes));
      return decoded.get(bytes) as never;
    },
  };
}

/** The state at the head, with the changes of the block that is being built. */
export class State implements StateView {
  private readonly undo: [key: string, before: Uint8Array | undefined][] = [];
  readonly get: StateView["get"];

  constructor(private readonly values: Map<string, Uint8Array>) {
    this.get = viewOf((key) => this.raw(key)).get;
  }

  raw(key: string): Uint8Array | undefined {
    return this.values.get(key);
  }

  set<K extends readonly unknown[], V, R>(entry: StorageEntry<K, V, R>, keys: K, value: V): void {
    this.setRaw(keyOf(entry, keys), encode(entry.type, value));
  }

  remove<K extends readonly unknown[], V, R>(entry: StorageEntry<K, V, R>, keys: K): void {
    this.setRaw(keyOf(entry, keys), undefined);
  }

  /** Replaces a value by what `change` makes of it. */
  update<K extends readonly unknown[], V>(entry: StorageEntry<K, V>, keys: K, change: (value: V) => V): void {
    this.set(entry, keys, change(this.get(entry, ...keys)));
  }

  setRaw(key: string, value: Uint8Array | undefined): void {
    this.undo.push([key, this.values.get(key)]);
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
  }

  /**
   * The last keys of a map under its first ones, with their values, in the order of their bytes.
   * It walks over all keys of the state, so it is for what happens once an epoch.
   */
  entries<First extends readonly unknown[], Last, V, R>(
    entry: StorageEntry<readonly [...First, Last], V, R>,
    ...first: First
  ): [Last, V][] {
    const prefix = keyOf(entry, first);
    const { hasher, type } = entry.keys[first.length]!;
    const found: [Last, V][] = [];
    for (const key of [...this.values.keys()].filter((key) => key.startsWith(prefix)).sort()) {
      const last = type.decode(readerOf(`0x${key.slice(prefix.length + hashHexLength[hasher])}`)) as Last;
      found.push([last, decode(entry.type, this.values.get(key)!)]);
    }
    return found;
  }

  /** A point to return to. */
  mark(): number {
    return this.undo.length;
  }

  /** Undoes everything written since the mark. */
  rollback(mark: number): void {
    while (this.undo.length > mark) {
      const [key, before] = this.undo.pop()!;
      if (before === undefined) this.values.delete(key);
      else this.values.set(key, before);
    }
  }

  /** Another state takes this one's place. */
  replace(values: ReadonlyMap<string, Uint8Array>): void {
    this.undo.length = 0;
    this.values.clear();
    for (const [key, value] of values) this.values.set(key, value);
  }

  /** What changed since the last call; from here nothing can be undone. */
  commit(): Changes {
    const changes = new Map<string, Uint8Array | undefined>();
    for (const [key] of this.undo) changes.set(key, this.values.get(key));
    this.undo.length = 0;
    return changes;
  }
}
