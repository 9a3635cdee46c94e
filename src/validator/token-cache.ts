/**
 * Token ids of texts that an earlier round asked too, by tokenizer: sources with few texts give the same ones again and
 * again. One file a tokenizer, written as a whole and checked record by record; it may be deleted at any time.
 */
import { createHash } from "node:crypto";
import { version } from "../../package.json";
import { canonicalJson } from "../base/canonical.ts";
import { FileCache } from "../base/file-cache.ts";
import type { TextItem } from "../eval/protocol.ts";
import { packIds, unpackIds } from "../store/token-ids.ts";

export interface TokenCacheOptions {
  readonly folder: string;
  /** Of all files together. */
  readonly bytesMax: number;
  /** Of one tokenizer: what was asked for the longest ago is forgotten first. */
  readonly fileBytesMax: number;
}

export const tokenCacheBounds = { bytesMax: 512 * 2 ** 20, fileBytesMax: 64 * 2 ** 20 };

type Ids = readonly number[];

/** A key, the length of the packed ids, and the beginning of their digest. */
const [keyBytes, lengthBytes, checkBytes] = [32, 4, 8];
const headBytes = keyBytes + lengthBytes + checkBytes;
/** Another version of the program may turn texts into other ids. */
const firstLine = Buffer.from(`finetune token ids 1, ${version}\n`);

export class TokenCache {
  readonly #files: FileCache;
  readonly #fileBytesMax: number;

  constructor({ folder, bytesMax, fileBytesMax }: TokenCacheOptions) {
    this.#files = new FileCache(folder, bytesMax);
    this.#fileBytesMax = fileBytesMax;
  }

  /**
   * The ids of each item: those that are known, and `encode`'s for the others, which are kept. What `encode` gives that
   * is no list of ids is returned as it is, and nothing is kept.
   * @param tokenizer a digest of everything that decides about ids
   */
  async through<Failure extends object>(
    tokenizer: string,
    items: readonly TextItem[],
    encode: (missing: readonly TextItem[]) => Promise<readonly Ids[] | Failure>,
  ): Promise<readonly Ids[] | Failure> {
    const keys = items.map(keyOf);
    const known = readRecords(await this.#files.read(tokenizer));
    const found = keys.map((key) => known.get(key));
    const missing = items.filter((_, index) => found[index] === undefined);
    const encoded = missing.length === 0 ? [] : await encode(missing);
    if (!Array.isArray(encoded)) return encoded as Failure;
    const fresh = (encoded as readonly Ids[]).values();
    const ids = found.map((packed) => (packed === undefined ? fresh.next().value! : unpackIds(packed)));
    if (missing.length > 0) {
      // What this round asks is the newest.
      for (const [index, key] of keys.entries()) {
        known.delete(key);
        known.set(key, found[index] ?? packIds(ids[index]!));
      }
      await this.#files.write(tokenizer, writeRecords(known, this.#fileBytesMax));
    }
    return ids;
  }
}

function keyOf(item: TextItem): string {
  return createHash("sha256").update(canonicalJson(item)).digest("hex");
}

/** The records up to the first that is not whole, oldest first. */
function readRecords(bytes: Uint8Array = new Uint8Array()): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!file.subarray(0, firstLine.length).equals(firstLine)) return records;
  for (let at = firstLine.length; at + headBytes <= file.length; ) {
    const packed = file.subarray(at + headBytes, at + headBytes + file.readUInt32LE(at + keyBytes));
    const check = file.subarray(at + keyBytes + lengthBytes, at + headBytes);
    if (!checkOf(file.subarray(at, at + keyBytes), packed).equals(check)) break;
    records.set(file.toString("hex", at, at + keyBytes), packed);
    at += headBytes + packed.length;
  }
  return records;
}

/** The newest records that fit. */
function writeRecords(records: ReadonlyMap<string, Uint8Array>, bytesMax: number): Buffer {
  const parts: Buffer[] = [];
  let leftBytes = bytesMax - firstLine.length;
  for (const [name, packed] of [...records].toReversed()) {
    leftBytes -= headBytes + packed.length;
    if (leftBytes < 0) break;
    const key = Buffer.from(name, "hex");
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(packed.length);
    parts.push(Buffer.concat([key, length, checkOf(key, packed), packed]));
  }
  return Buffer.concat([firstLine, ...parts.toReversed()]);
}

function checkOf(key: Uint8Array, packed: Uint8Array): Buffer {
  return createHash("sha256").update(key).update(packed).digest().subarray(0, checkBytes);
}
