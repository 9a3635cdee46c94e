/**
 * A wallet: a folder with one coldkey (owns) and any number of hotkeys (sign for neurons), laid out as every tool of
 * the ecosystem expects it:
 *
 *     <path>/<name>/coldkey, coldkeypub.txt, hotkeys/<hotkey>, hotkeys/<hotkey>pub.txt
 */
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf, OperatorError } from "../base/errors.ts";
import { log, printable } from "../base/log.ts";
import type { Ss58 } from "../subnet.ts";
import { type Encryption, exists, type Keyfile, readKeyfile, writeKeyfile } from "./keyfile.ts";
import { decryptKeyfile, encryptKeyfile } from "./keyfile-encryption.ts";
import {
  type KeyfileFault,
  type KeyMaterial,
  parseAddress,
  parseKeyfile,
  serializeKeyfile,
  serializePublicKeyfile,
} from "./keyfile-json.ts";
import type { Keypair } from "./keypair.ts";

/** Which wallet: `path` is the folder of wallets, `name` the wallet's own, `hotkey` a file in its `hotkeys` folder. */
export interface WalletLocation {
  readonly path: string;
  readonly name: string;
  readonly hotkey: string;
}

/** Asked for a keyfile's password only when the file is encrypted. */
export type PasswordSource = (keyfilePath: string) => Promise<string>;

export type KeyRole = "coldkey" | "hotkey";

export interface Wallet extends WalletLocation {
  /** From `coldkeypub.txt` or a plain coldkey; `undefined` when neither is there. */
  readonly coldkeyAddress: Ss58 | undefined;
  readonly hotkeyAddress: Ss58 | undefined;
  /** Reads (and decrypts) a secret key. Throws `OperatorError`: missing, damaged, wrong password. */
  unlock(role: KeyRole, password: PasswordSource): Promise<Keypair>;
}

/** Opens a wallet for reading. Nothing secret is read before `unlock`. Throws `OperatorError` when its folder is missing. */
export async function openWallet(location: WalletLocation): Promise<Wallet> {
  const folder = walletFolder(location);
  const names = await namesIn(folder);
  if (names.length === 0)
    throw new OperatorError(
      `There is no wallet in ${folder}.`,
      "Create one with `finetune wallet create`, or name the right one with --wallet.name and --wallet.path.",
    );
  return {
    ...location,
    coldkeyAddress: await addressAt(keyfilePath(location, "coldkey")),
    hotkeyAddress: await addressAt(keyfilePath(location, "hotkey")),
    unlock: async (role, password) => (await readKey(location, role, password)).keypair,
  };
}

/** Reads a key with its secrets, for writing it elsewhere; to sign, `unlock` is enough. */
export async function readKey(location: WalletLocation, role: KeyRole, password: PasswordSource): Promise<KeyMaterial> {
  const path = keyfilePath(location, role);
  const keyfile = await readKeyfile(path);
  if (keyfile === undefined)
    throw new OperatorError(
      `There is no ${role} at ${path}.`,
      `Restore it with \`finetune wallet regen\`, or name the right one with --wallet.name and --wallet.hotkey.`,
    );
  if (keyfile.isExposed) log.warn(`${path} can be read by other users; run \`chmod 600 ${path}\`.`);
  const material = parseKeyfile(await plainBytes(keyfile, password));
  if ("fault" in material) throw damaged(path, material.fault);
  return material;
}

/** Writes a key and its public half. Without a password the secret is stored as it is, as hotkeys usually are. */
export async function writeKey(
  location: WalletLocation,
  role: KeyRole,
  material: KeyMaterial,
  { password, overwrite }: { readonly password: string | undefined; readonly overwrite: boolean },
): Promise<void> {
  const plain = serializeKeyfile(material);
  const bytes = password === undefined ? plain : await encryptKeyfile(plain, password);
  await writeKeyfile(keyfilePath(location, role), bytes, { overwrite });
  // The public half follows from the secret one, so that replacing it loses nothing.
  await writeKeyfile(publicPath(location, role), serializePublicKeyfile(material.keypair), { overwrite: true });
}

/** What may be said of a key without opening it. */
export interface KeyDescription {
  readonly path: string;
  readonly address: Ss58 | undefined;
  readonly stored: Encryption | "missing" | "public only" | "damaged";
  /** True when other users of the machine may read the secret. */
  readonly exposed: boolean;
}

/** Describes a key's files. A damaged one is described as such, so that it does not hide the others of a list. */
export async function describeKey(location: WalletLocation, role: KeyRole): Promise<KeyDescription> {
  const path = keyfilePath(location, role);
  const keyfile = await readKeyfile(path);
  const found = await findAddress(path);
  const exposed = keyfile?.isExposed ?? false;
  if (typeof found === "object") return { path, address: undefined, stored: "damaged", exposed };
  const without = found === undefined ? "missing" : "public only";
  return { path, address: found, stored: keyfile?.encryption ?? without, exposed };
}

/** True when the secret key's file is there. */
export function keyExists(location: WalletLocation, role: KeyRole): Promise<boolean> {
  return exists(keyfilePath(location, role));
}

/** The wallets under a folder and their hotkeys, by name. A folder that does not exist has none. */
export async function listWallets(
  path: string,
): Promise<readonly { readonly name: string; readonly hotkeys: readonly string[] }[]> {
  const wallets = [];
  for (const name of await namesIn(expandHome(path))) {
    const inside = await namesIn(join(expandHome(path), name));
    if (!inside.some((entry) => entry === "coldkey" || entry === "coldkeypub.txt" || entry === "hotkeys")) continue;
    const keys = await namesIn(join(expandHome(path), name, "hotkeys"));
    wallets.push({ name, hotkeys: keys.filter((key) => !isPublicHalf(key, keys)) });
  }
  return wallets;
}

/** Where a key's file is. Throws `OperatorError` for a name that would leave the folder. */
export function keyfilePath(location: WalletLocation, role: KeyRole): string {
  const folder = walletFolder(location);
  return role === "coldkey" ? join(folder, "coldkey") : join(folder, "hotkeys", checkedName(location.hotkey));
}

function publicPath(location: WalletLocation, role: KeyRole): string {
  return `${keyfilePath(location, role)}pub.txt`;
}

function walletFolder({ path, name }: WalletLocation): string {
  return join(expandHome(path), checkedName(name));
}

/** Shells expand `~` in `--wallet.path ~/x` but not in `--wallet.path=~/x` or an environment file. */
function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

function checkedName(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\\\u0000]/.test(name))
    throw new OperatorError(
      `\`${printable(name)}\` cannot be the name of a wallet or hotkey.`,
      "Give a plain name, without a slash.",
    );
  return name;
}

/** `hot` and `hotpub.txt` are one hotkey; a public half alone (a watch-only key) is listed by its file name. */
function isPublicHalf(name: string, all: readonly string[]): boolean {
  return name.endsWith("pub.txt") && all.includes(name.slice(0, -"pub.txt".length));
}

async function addressAt(path: string): Promise<Ss58 | undefined> {
  const found = await findAddress(path);
  if (typeof found === "object") throw damaged(found.path, found.fault);
  return found;
}

/** The address in the public half, else in an unencrypted keyfile. */
async function findAddress(
  path: string,
): Promise<Ss58 | undefined | { readonly path: string; readonly fault: KeyfileFault }> {
  const keyfile = (await readKeyfile(`${path}pub.txt`)) ?? (await readKeyfile(path));
  if (keyfile === undefined || keyfile.encryption !== "none") return undefined;
  const address = parseAddress(keyfile.bytes);
  return typeof address === "string" ? address : { path: keyfile.path, fault: address.fault };
}

async function plainBytes(keyfile: Keyfile, password: PasswordSource): Promise<Uint8Array> {
  if (keyfile.encryption === "none") return keyfile.bytes;
  const plain = await decryptKeyfile(keyfile.bytes, keyfile.encryption, await password(keyfile.path));
  if (plain instanceof Uint8Array) return plain;
  if (plain.fault === "wrong-password")
    throw new OperatorError(
      `The password does not open ${keyfile.path}, or the file is damaged.`,
      "Give the password that the key was created with.",
    );
  throw new OperatorError(`${keyfile.path} is damaged: its encrypted part is cut off or not well formed.`, restoreHint);
}

const restoreHint = "Restore it from a backup, or from its phrase with `finetune wallet regen`.";

const faultSentences: Readonly<Record<KeyfileFault, string>> = {
  "not-json": "is not JSON",
  "not-a-keyfile": "is JSON, but not a keyfile",
  "not-sr25519": "holds a key of another kind than sr25519, which this program does not sign with",
  "no-secret": "has neither a usable phrase, seed nor private key",
  "secret-of-another-key": "holds a secret that belongs to another address than it names",
};

function damaged(path: string, fault: KeyfileFault): OperatorError {
  return new OperatorError(`${path} ${faultSentences[fault]}.`, restoreHint);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new OperatorError(
      `${folder} cannot be read: ${messageOf(error)}.`,
      "Run as the user who owns the wallets, or fix the folder's permissions.",
    );
  }
}
