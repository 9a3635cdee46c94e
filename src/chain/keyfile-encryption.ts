/**
 * The three ways in which the ecosystem's keyfiles have been encrypted. All are read; `$NACL` is written, as the Python
 * wallet does. The slow key derivations run on the runtime's thread pool, so that nothing else waits for them.
 */
import { argon2, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { cbc, ctr } from "@noble/ciphers/aes.js";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import type { Encryption } from "./keyfile.ts";

type Encrypted = Exclude<Encryption, "none">;
/** A wrong password and a flipped bit look the same to an authenticated cipher; "damaged" is what cannot be a keyfile at all. */
type Opened = Uint8Array | { readonly fault: "wrong-password" | "damaged" };

const naclPrefix = new TextEncoder().encode("$NACL");
const nonceBytes = 24;
/** One salt for everybody is the format's weakness, not a choice of ours: another salt would not be read elsewhere. */
const naclSalt = Uint8Array.fromHex("137183dff15a09bc9c90b5518739e9b1");
const fernetSalt = new TextEncoder().encode("Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins");

const argon2Async = promisify(argon2);
const pbkdf2Async = promisify(pbkdf2);

const openers: Readonly<Record<Encrypted, (bytes: Uint8Array, password: string) => Promise<Opened>>> = {
  nacl: openNacl,
  ansible: openAnsibleVault,
  fernet: openFernet,
};

/** Decrypts a keyfile's bytes. Takes seconds for `nacl` and `fernet`. */
export function decryptKeyfile(bytes: Uint8Array, encryption: Encrypted, password: string): Promise<Opened> {
  return openers[encryption](bytes, password);
}

/** Encrypts a keyfile's plain bytes as `$NACL`. Takes seconds and 512 MiB of memory. */
export async function encryptKeyfile(plain: Uint8Array, password: string): Promise<Uint8Array> {
  const nonce = randomBytes(nonceBytes);
  const sealed = xsalsa20poly1305(await naclKey(password), nonce).encrypt(plain);
  return new Uint8Array(Buffer.concat([naclPrefix, nonce, sealed]));
}

/** The key behind `$NACL`: Argon2i 1.3 with libsodium's "sensitive" limits. 32 bytes. */
export async function naclKey(password: string): Promise<Uint8Array> {
  const options = {
    message: Buffer.from(password, "utf8"),
    nonce: naclSalt,
    parallelism: 1,
    tagLength: 32,
    memory: 524_288,
    passes: 8,
  };
  return new Uint8Array(await argon2Async("argon2i", options));
}

async function openNacl(bytes: Uint8Array, password: string): Promise<Opened> {
  const nonce = bytes.slice(naclPrefix.length, naclPrefix.length + nonceBytes);
  const sealed = bytes.slice(naclPrefix.length + nonceBytes);
  if (sealed.length <= 16) return { fault: "damaged" };
  const key = await naclKey(password);
  return attempt(() => xsalsa20poly1305(key, nonce).decrypt(sealed));
}

/** Ansible vault 1.1 and 1.2 with AES256: PBKDF2, then AES-CTR under an HMAC. */
async function openAnsibleVault(bytes: Uint8Array, password: string): Promise<Opened> {
  const [header = "", ...lines] = new TextDecoder("latin1").decode(bytes).split(/\r?\n/);
  if (!/^\$ANSIBLE_VAULT;1\.[12];AES256(;|$)/.test(header.trim())) return { fault: "damaged" };
  const parts = hexText(lines.join("").trim())?.split("\n").map(hexBytes) ?? [];
  const [salt, mac, sealed] = parts;
  if (parts.length !== 3 || !salt || mac?.length !== 32 || !sealed || sealed.length === 0) return { fault: "damaged" };
  const keys = new Uint8Array(await pbkdf2Async(password, salt, 10_000, 80, "sha256"));
  if (!isMac({ key: keys.subarray(32, 64), message: sealed, mac })) return { fault: "wrong-password" };
  const padded = ctr(keys.slice(0, 32), keys.slice(64, 80)).decrypt(sealed);
  const padding = padded.at(-1)!;
  if (padding < 1 || padding > 16 || padding >= padded.length) return { fault: "damaged" };
  return plainOfVault(padded.subarray(0, padded.length - padding));
}

/** The oldest wallets put the key into the vault as YAML, later ones as JSON, which is YAML as well. */
function plainOfVault(text: Uint8Array): Opened {
  try {
    const value: unknown = Bun.YAML.parse(new TextDecoder().decode(text));
    return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
  } catch {
    return { fault: "damaged" };
  }
}

/** Fernet: version, time, iv, AES-128-CBC, HMAC; its key is PBKDF2 with ten million rounds. */
async function openFernet(bytes: Uint8Array, password: string): Promise<Opened> {
  const token = new Uint8Array(Buffer.from(new TextDecoder("latin1").decode(bytes).trim(), "base64url"));
  if (token.length < 1 + 8 + 16 + 16 + 32 || token[0] !== 0x80 || (token.length - 57) % 16 !== 0)
    return { fault: "damaged" };
  const key = new Uint8Array(await pbkdf2Async(password, fernetSalt, 10_000_000, 32, "sha256"));
  const signed = token.subarray(0, -32);
  if (!isMac({ key: key.subarray(0, 16), message: signed, mac: token.subarray(-32) }))
    return { fault: "wrong-password" };
  return attempt(() => cbc(key.slice(16), token.slice(9, 25)).decrypt(signed.slice(25)));
}

function isMac(given: { readonly key: Uint8Array; readonly message: Uint8Array; readonly mac: Uint8Array }): boolean {
  return timingSafeEqual(createHmac("sha256", given.key).update(given.message).digest(), given.mac);
}

function attempt(decrypt: () => Uint8Array): Opened {
  try {
    return decrypt();
  } catch {
    return { fault: "wrong-password" };
  }
}

function hexBytes(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? Uint8Array.fromHex(text) : undefined;
}

function hexText(text: string): string | undefined {
  const bytes = hexBytes(text);
  return bytes === undefined ? undefined : new TextDecoder("latin1").decode(bytes);
}
