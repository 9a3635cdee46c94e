/** The JSON inside a keyfile: the ecosystem's names for a key's parts, checked on reading, written whole. */
import { z } from "zod";
import { Secret } from "../base/secret.ts";
import {
  decodeSs58,
  type Keypair,
  keypairFromPrivateKey,
  keypairFromSeed,
  keypairFromUri,
  seedFromHex,
} from "./keypair.ts";
import { normalizeMnemonic, seedFromMnemonic } from "./mnemonic.ts";

/** A key with the secrets that its file holds. The phrase and the seed are missing where the file has none. */
export interface KeyMaterial {
  readonly keypair: Keypair;
  readonly phrase: Secret<string> | undefined;
  /** 32 bytes. */
  readonly seed: Secret<Uint8Array> | undefined;
}

/** Why a keyfile's content cannot be used; the words never carry any of the content. */
export type KeyfileFault = "not-json" | "not-a-keyfile" | "not-sr25519" | "no-secret" | "secret-of-another-key";

const sr25519CryptoType = 1;

const schema = z.object({
  ss58Address: z.string().nullish(),
  publicKey: z.string().nullish(),
  accountId: z.string().nullish(),
  privateKey: z.string().nullish(),
  secretPhrase: z.string().nullish(),
  secretSeed: z.string().nullish(),
  cryptoType: z.union([z.number(), z.string()]).nullish(),
});

type Content = z.infer<typeof schema>;

/**
 * Reads a key from a keyfile's plain bytes. Phrase, seed and private key are tried in this order, as the Python wallet
 * does; one that is malformed is passed over, since some releases of that wallet write an unreadable seed beside a
 * good private key. What is read must then be the key that the file names.
 */
export function parseKeyfile(plain: Uint8Array): KeyMaterial | { readonly fault: KeyfileFault } {
  const content = readContent(plain);
  if ("fault" in content) return content;
  const material = materialOf(content);
  if (material === undefined) return { fault: "no-secret" };
  return isNamedBy(content, material.keypair) ? material : { fault: "secret-of-another-key" };
}

/** Reads the address from a public keyfile or a plain keyfile. */
export function parseAddress(plain: Uint8Array): string | { readonly fault: KeyfileFault } {
  const content = readContent(plain);
  if ("fault" in content) return content;
  const address = content.ss58Address ?? "";
  return decodeSs58(address) === undefined ? { fault: "not-a-keyfile" } : address;
}

/** The bytes of a keyfile: every part that is known, in the order that the Python wallet documents. */
export function serializeKeyfile(material: KeyMaterial): Uint8Array {
  return encode({
    ...publicParts(material.keypair),
    privateKey: hex(material.keypair.exportPrivateKey()),
    ...(material.phrase === undefined ? {} : { secretPhrase: material.phrase.reveal() }),
    ...(material.seed === undefined ? {} : { secretSeed: hex(material.seed.reveal()) }),
  });
}

/** The bytes of a public keyfile (`coldkeypub.txt`). */
export function serializePublicKeyfile(keypair: Keypair): Uint8Array {
  return encode(publicParts(keypair));
}

/** A new key's material from its phrase. */
export function materialFromPhrase(phrase: string): KeyMaterial {
  const seed = seedFromMnemonic(phrase);
  return {
    keypair: keypairFromSeed(seed),
    phrase: new Secret(normalizeMnemonic(phrase)),
    seed: new Secret(seed),
  };
}

/** A key's material from its 32-byte seed. */
export function materialFromSeed(seed: Uint8Array): KeyMaterial {
  return { keypair: keypairFromSeed(seed), phrase: undefined, seed: new Secret(seed) };
}

/**
 * A key's material from what a person keeps: a phrase, a seed (0x and 64 hex digits), or a development uri (`//Alice`).
 * Derived keys have no phrase or seed of their own. Throws `OperatorError`.
 */
export function materialFromSecret(written: string): KeyMaterial {
  const text = written.trim();
  if (/^0x[0-9a-fA-F]*$/.test(text)) return materialFromSeed(seedFromHex(text));
  if (text.includes("/")) return { keypair: keypairFromUri(text), phrase: undefined, seed: undefined };
  return materialFromPhrase(text);
}

function readContent(plain: Uint8Array): Content | { readonly fault: KeyfileFault } {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
  } catch {
    return { fault: "not-json" };
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) return { fault: "not-a-keyfile" };
  const type = parsed.data.cryptoType;
  if (type !== undefined && type !== null && Number(type) !== sr25519CryptoType && type !== "sr25519")
    return { fault: "not-sr25519" };
  return parsed.data;
}

function materialOf(content: Content): KeyMaterial | undefined {
  const phrase = content.secretPhrase ?? "";
  if (phrase !== "") {
    try {
      return materialFromPhrase(phrase);
    } catch {
      // Passed over, as said above; the private key may still be good.
    }
  }
  const seed = bytesOf(content.secretSeed, 32);
  if (seed !== undefined) return materialFromSeed(seed);
  const privateKey = bytesOf(content.privateKey, 64);
  if (privateKey === undefined) return undefined;
  return { keypair: keypairFromPrivateKey(privateKey), phrase: undefined, seed: undefined };
}

function isNamedBy(content: Content, keypair: Keypair): boolean {
  const publicKey = bytesOf(content.publicKey ?? content.accountId, 32);
  const address = content.ss58Address ?? undefined;
  return (
    (publicKey === undefined || hex(publicKey) === hex(keypair.publicKey)) &&
    (address === undefined || address === keypair.ss58Address)
  );
}

/** Without `cryptoType`: wallets up to 4.0 fail on the number, and all read a key without it as sr25519. */
function publicParts(keypair: Keypair): Record<string, string> {
  const publicKey = hex(keypair.publicKey);
  return { accountId: publicKey, publicKey, ss58Address: keypair.ss58Address };
}

function bytesOf(text: string | null | undefined, length: number): Uint8Array | undefined {
  const digits = text?.startsWith("0x") ? text.slice(2) : (text ?? "");
  return digits.length === 2 * length && /^[0-9a-fA-F]*$/.test(digits) ? Uint8Array.fromHex(digits) : undefined;
}

function hex(bytes: Uint8Array): string {
  return `0x${bytes.toHex()}`;
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
