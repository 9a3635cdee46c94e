/** The hashes that bind a commitment to a folder of files and to one hotkey. All are SHA-256 in padded base64. */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { Hotkey } from "../subnet.ts";

/** The hash of a file's bytes. */
export function hashFile(bytes: Uint8Array): string {
  return hashFromDigest(sha256(bytes));
}

/** The hash of a file whose SHA-256 was computed elsewhere (files are streamed, and the hub states their digests). */
export function hashFromDigest(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString("base64");
}

export interface HashedFile {
  /** Relative to the directory, with `/`. */
  readonly path: string;
  /** Of `hashFile`. */
  readonly hash: string;
}

/**
 * The hash of a directory: SHA-256 over its files' base64 hashes, the files of a folder in the order of their names' code
 * points, then its folders in the same order. Names are not part of it; the subnet defines it so.
 */
export function hashDirectory(files: readonly HashedFile[]): string {
  const hasher = sha256.create();
  const walk = (within: readonly HashedFile[], depth: number): void => {
    const direct = within.filter(({ path }) => partsOf(path).length === depth + 1);
    for (const { hash } of direct.toSorted((a, b) => byCodePoint(a.path, b.path))) hasher.update(utf8ToBytes(hash));
    const folders = Map.groupBy(
      within.filter(({ path }) => partsOf(path).length > depth + 1),
      ({ path }) => partsOf(path)[depth]!,
    );
    for (const name of [...folders.keys()].toSorted(byCodePoint)) walk(folders.get(name)!, depth + 1);
  };
  walk(files, 0);
  return hashFromDigest(hasher.digest());
}

/** The same of files whose SHA-256 is known in hexadecimal digits, as the hub and downloads state it. */
export function hashDigests(files: readonly { readonly path: string; readonly sha256: string }[]): string {
  return hashDirectory(files.map(({ path, sha256 }) => ({ path, hash: hashFromDigest(Buffer.from(sha256, "hex")) })));
}

/** What is committed: the directory's hash joined with the hotkey, so that a copied commitment fails for another hotkey. */
export function hashForHotkey(directoryHash: string, hotkey: Hotkey): string {
  return hashFromDigest(sha256(utf8ToBytes(directoryHash + hotkey)));
}

function partsOf(path: string): string[] {
  return path.split("/");
}

/** UTF-8 keeps the order of code points; JavaScript's own comparison is by UTF-16 and puts emoji before full-width letters. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(utf8ToBytes(a), utf8ToBytes(b));
}
