/** The hash that a validator commits its weights by, before it reveals them (commit-reveal version 2). */
import { blake2b } from "@noble/hashes/blake2.js";
import { concatBytes } from "@noble/hashes/utils.js";

export interface RevealedWeights {
  /** The hotkey's 32 bytes. */
  readonly publicKey: Uint8Array;
  /** netuid + 4096 · mechanism. */
  readonly storageIndex: number;
  readonly uids: readonly number[];
  readonly values: readonly number[];
  /** u16 numbers, kept until the reveal. */
  readonly salt: readonly number[];
  readonly versionKey: bigint;
}

/** blake2b-256 of the SCALE tuple (AccountId, u16, Vec<u16>, Vec<u16>, Vec<u16>, u64). */
export function commitHash(weights: RevealedWeights): Uint8Array {
  return blake2b(commitPreimage(weights), { dkLen: 32 });
}

/** The bytes that are hashed. */
export function commitPreimage({
  publicKey,
  storageIndex,
  uids,
  values,
  salt,
  versionKey,
}: RevealedWeights): Uint8Array {
  return concatBytes(publicKey, u16(storageIndex), u16s(uids), u16s(values), u16s(salt), u64(versionKey));
}

export interface TimelockedWeights {
  /** The hotkey's 32 bytes; runtimes before commit-reveal version 4 (spec 218) leave it out. */
  readonly publicKey: Uint8Array | undefined;
  readonly uids: readonly number[];
  readonly values: readonly number[];
  readonly versionKey: bigint;
}

/** The SCALE bytes that a timelocked commit encrypts: {hotkey Vec<u8>, uids, values, version_key u64}. */
export function timelockPayload({ publicKey, uids, values, versionKey }: TimelockedWeights): Uint8Array {
  const hotkey = publicKey === undefined ? new Uint8Array() : concatBytes(compact(publicKey.length), publicKey);
  return concatBytes(hotkey, u16s(uids), u16s(values), u64(versionKey));
}

function u16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, value, true);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

function u16s(values: readonly number[]): Uint8Array {
  return concatBytes(compact(values.length), ...values.map(u16));
}

/** SCALE's compact integer; vectors here have at most 65536 entries. */
function compact(value: number): Uint8Array {
  if (value < 1 << 6) return Uint8Array.of(value << 2);
  if (value < 1 << 14) return u16((value << 2) | 1);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value * 4 + 2, true);
  return bytes;
}
