/** The chain's state at one block: storage values, maps and runtime API calls, decoded by that block's own runtime. */
import { FailureError } from "../base/errors.ts";
import type { Block, BlockHash } from "../subnet.ts";
import { limits } from "./deadlines.ts";
import type { Link } from "./link.ts";
import type { Plain } from "./plain.ts";
import type { ChainEvent, Runtime } from "./runtime.ts";

/** A storage item and its keys: `["SubtensorModule.Tempo", 37]`. */
export type Item = readonly [path: string, ...keys: unknown[]];

type Change = readonly [key: string, value: unknown];

interface ChangeSet {
  readonly changes?: readonly unknown[];
}

export class Snapshot {
  private constructor(
    readonly link: Link,
    readonly block: Block,
    readonly blockHash: BlockHash,
    /** The runtime that wrote this state. */
    readonly runtime: Runtime,
    /** The runtime that answers calls at this block; another one only at the block of an upgrade. */
    readonly callRuntime: Runtime,
  ) {}

  /** The state after a block; without a hash, after the newest one that the node announced. */
  static async at(link: Link, hash?: BlockHash): Promise<Snapshot> {
    await link.socket();
    const blockHash = hash ?? link.latest("best").hash;
    const { number } = await link.header(blockHash);
    const { state, calls } = await link.runtimesAt(blockHash);
    return new Snapshot(link, number, blockHash, state, calls);
  }

  has(path: string): boolean {
    return this.runtime.hasStorage(path);
  }

  hasApi(path: string): boolean {
    return this.callRuntime.hasApi(path);
  }

  /** One value; the metadata's default where nothing is stored, or null for an optional item. */
  async value(...[path, ...keys]: Item): Promise<Plain> {
    const raw = await this.link.read("state_getStorage", [this.runtime.storageKey(path, keys), this.blockHash]);
    return this.runtime.storageValue(path, hexOrNull(path, raw));
  }

  /** Several values of any items in one request, in the order asked. */
  async values(items: readonly Item[]): Promise<readonly Plain[]> {
    if (items.length === 0) return [];
    const keys = items.map(([path, ...parts]) => this.runtime.storageKey(path, parts));
    const found = await this.#query(keys);
    return items.map(([path], index) => this.runtime.storageValue(path, found.get(keys[index]!) ?? null));
  }

  /** Every entry of a map under its first keys: the remaining keys and the value. Bounded by `limits.mapKeysMax`. */
  async entries(
    ...[path, ...first]: Item
  ): Promise<readonly { readonly keys: readonly Plain[]; readonly value: Plain }[]> {
    const keys = await this.#keysUnder(path, this.runtime.storageKey(path, first));
    const found = keys.length === 0 ? new Map<string, string | null>() : await this.#query(keys);
    return keys.flatMap((key) => {
      const raw = found.get(key) ?? null;
      if (raw === null) return [];
      const parts = this.runtime.storageKeyParts(path, key).slice(first.length);
      return [{ keys: parts, value: this.runtime.storageValue(path, raw) }];
    });
  }

  /** A runtime API call: `call("SubnetInfoRuntimeApi.get_metagraph", 37)`. */
  async call(path: string, ...args: readonly unknown[]): Promise<Plain> {
    const { method, params } = this.callRuntime.apiCall(path, args);
    const answer = hexOrNull(path, await this.link.read("state_call", [method, params, this.blockHash]));
    if (answer === null) throw malformed(path);
    return this.callRuntime.apiAnswer(path, answer);
  }

  /** The events of this block, in order. */
  async events(): Promise<readonly ChainEvent[]> {
    const raw = await this.link.read("state_getStorage", [this.runtime.storageKey("System.Events"), this.blockHash]);
    return this.runtime.events(hexOrNull("System.Events", raw));
  }

  async #keysUnder(path: string, prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for (;;) {
      const start = keys.at(-1) ?? prefix;
      const page = await this.link.read("state_getKeysPaged", [prefix, limits.pageKeys, start, this.blockHash]);
      if (!Array.isArray(page) || page.some((key) => typeof key !== "string" || !key.startsWith(prefix)))
        throw malformed(path);
      const more = page.filter((key) => key !== start);
      // A full page that brings nothing new would be asked for again for ever.
      if (more.length === 0 && page.length >= limits.pageKeys) throw malformed(path);
      keys.push(...more);
      if (keys.length > limits.mapKeysMax)
        throw new FailureError(`${path} has more than ${limits.mapKeysMax} entries.`, "Try another endpoint.");
      if (page.length < limits.pageKeys) return keys;
    }
  }

  async #query(keys: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
    const found = new Map<string, string | null>();
    for (let start = 0; start < keys.length; start += limits.pageKeys) {
      const page = keys.slice(start, start + limits.pageKeys);
      const sets = await this.link.read("state_queryStorageAt", [page, this.blockHash]);
      const changes = Array.isArray(sets) ? (sets[0] as ChangeSet | undefined)?.changes : undefined;
      if (!Array.isArray(changes) || !changes.every(isChange)) throw malformed("state_queryStorageAt");
      for (const [key, value] of changes) found.set(key, hexOrNull("state_queryStorageAt", value));
    }
    return found;
  }
}

function isChange(raw: unknown): raw is Change {
  return Array.isArray(raw) && raw.length === 2 && typeof raw[0] === "string";
}

function hexOrNull(path: string, raw: unknown): string | null {
  if (raw === null || (typeof raw === "string" && /^0x(?:[0-9a-fA-F]{2})*$/.test(raw))) return raw;
  throw malformed(path);
}

function malformed(path: string): FailureError {
  return new FailureError(
    `The node's answer for ${path} is not what its interface promises.`,
    "Use another endpoint; this one is faulty.",
  );
}
