/** One keyfile on disk: its bytes within bounds, its permission bits, how it is encrypted. */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, OperatorError } from "../base/errors.ts";

/** How a keyfile's bytes are protected; the ecosystem has had three ways, told apart by their first bytes. */
export type Encryption = "none" | "nacl" | "ansible" | "fernet";

export interface Keyfile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly encryption: Encryption;
  /** True when others than its owner may read it. */
  readonly isExposed: boolean;
}

/** Real keyfiles have some 600 bytes; a vault doubles that. */
const sizeBytesMax = 65_536;
const ownerOnly = 0o600;

const prefixes: readonly (readonly [string, Encryption])[] = [
  ["$NACL", "nacl"],
  ["$ANSIBLE_VAULT", "ansible"],
  ["gAAAAA", "fernet"],
];

/** Reads a keyfile, or `undefined` when there is none. Throws `OperatorError` when it cannot be read. */
export async function readKeyfile(path: string): Promise<Keyfile | undefined> {
  const file = await openFile(path);
  if (file === undefined) return undefined;
  try {
    const details = await file.stat();
    if (!details.isFile()) return undefined;
    const { size, mode } = details;
    if (size > sizeBytesMax)
      throw new OperatorError(
        `${path} has ${size} bytes, which is no keyfile.`,
        `A keyfile has at most ${sizeBytesMax} bytes: check the path.`,
      );
    const bytes = new Uint8Array(await file.readFile());
    return { path, bytes, encryption: encryptionOf(bytes), isExposed: (mode & 0o077) !== 0 };
  } finally {
    await file.close();
  }
}

/**
 * Writes a keyfile that only its owner can read; the folders above are made. It is written beside its place, with its
 * final permissions, and then moved there: no other user can read it in between, and a crash leaves no half of a key.
 * Throws `OperatorError` when there already is one, unless `overwrite`.
 */
export async function writeKeyfile(
  path: string,
  bytes: Uint8Array,
  { overwrite }: { readonly overwrite: boolean },
): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}.new`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, bytes, { flag: "wx", mode: ownerOnly, flush: true });
    // Only a link fails when its target exists; a rename replaces it.
    if (overwrite) await rename(draft, path);
    else await link(draft, path);
  } catch (error) {
    if (hasCode(error, "EEXIST"))
      throw new OperatorError(
        `${path} exists already; it may hold the only copy of a key.`,
        "Give another name, or --overwrite if that key is backed up or worthless.",
      );
    throw new OperatorError(`${path} cannot be written: ${messageOf(error)}.`, "Check the folder's permissions.");
  } finally {
    await rm(draft, { force: true });
  }
}

/** True when the path exists. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function encryptionOf(bytes: Uint8Array): Encryption {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 16));
  return prefixes.find(([prefix]) => start.startsWith(prefix))?.[1] ?? "none";
}

async function openFile(path: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw new OperatorError(
      `${path} cannot be read: ${messageOf(error)}.`,
      "Run as the user who owns the wallet, or fix the file's permissions.",
    );
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
