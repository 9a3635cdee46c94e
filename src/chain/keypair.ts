/**
 * sr25519 keypairs: from a phrase, a seed, a development uri or a keyfile's private key. The secret lives in a private
 * field, so that printing, logging or serialising a keypair shows its address and nothing more.
 */
import { decodeAddress, encodeAddress } from "@polkadot/util-crypto/address";
import { keyExtractSuri, keyFromPath } from "@polkadot/util-crypto/key";
import { sr25519PairFromSeed, sr25519Sign, sr25519Verify } from "@polkadot/util-crypto/sr25519";
import { getPublicKey } from "@scure/sr25519";
import { OperatorError } from "../base/errors.ts";
import type { Ss58 } from "../subnet.ts";
import { seedFromMnemonic } from "./mnemonic.ts";

/** The SS58 format of the network's addresses. */
export const ss58Format = 42;

/** The phrase behind `//Alice` and its siblings: public by design, for development chains. */
const developmentPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

/** A key that signs. `sign` is deterministic in nothing: sr25519 signatures are randomised, so two of them differ. */
export class Keypair {
  readonly type = "sr25519";
  readonly ss58Address: Ss58;
  readonly publicKey: Uint8Array;
  /** The 64 bytes that @polkadot works with: the scalar times the cofactor, then the nonce. */
  readonly #secretKey: Uint8Array;

  constructor(pair: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }) {
    this.publicKey = pair.publicKey;
    this.ss58Address = encodeSs58(pair.publicKey);
    this.#secretKey = pair.secretKey;
  }

  /** The 64-byte signature of a message of any length. */
  sign(message: Uint8Array): Uint8Array {
    return sr25519Sign(message, { publicKey: this.publicKey, secretKey: this.#secretKey });
  }

  /** The private key as keyfiles carry it. For `src/chain/keyfile-json.ts` alone: what it returns must not travel. */
  exportPrivateKey(): Uint8Array {
    return canonicalOf(this.#secretKey);
  }
}

/**
 * A keypair from what a person would write: `//Alice` (development), a BIP-39 phrase, a seed (`0x` and 64 hex digits),
 * each with an optional derivation path (`phrase//hard/soft///password`). Throws `OperatorError`, which never repeats
 * the text that it was given.
 */
export function keypairFromUri(uri: string): Keypair {
  const written = uri.trim();
  const full = written.startsWith("//") ? `${developmentPhrase}${written}` : written;
  const { phrase, path, password } = extractUri(full);
  const seed = phrase.startsWith("0x") ? seedFromHex(phrase) : seedFromMnemonic(phrase, password);
  return new Keypair(keyFromPath(sr25519PairFromSeed(seed), path, "sr25519"));
}

/** A keypair from its 32-byte seed (the "mini secret"). */
export function keypairFromSeed(seed: Uint8Array): Keypair {
  return new Keypair(sr25519PairFromSeed(seed));
}

/**
 * A keypair from a keyfile's 64-byte private key. Keyfiles hold the scalar itself, @polkadot the scalar times eight
 * (the form that ed25519 clamps to): the two differ by three bits.
 */
export function keypairFromPrivateKey(privateKey: Uint8Array): Keypair {
  const secretKey = expandedOf(privateKey);
  return new Keypair({ publicKey: getPublicKey(secretKey), secretKey });
}

/** 32 bytes from `0x` and 64 hex digits. */
export function seedFromHex(text: string): Uint8Array {
  if (!/^0x[0-9a-fA-F]{64}$/.test(text))
    throw new OperatorError("The seed is not 32 bytes of hex.", "Write it as 0x and 64 hex digits.");
  return Uint8Array.fromHex(text.slice(2));
}

/** True when `signature` (64 bytes, sr25519) is that of `message` by the key. Anything malformed is simply false. */
export function verifySignature(signed: {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
}): boolean {
  if (signed.signature.length !== 64 || signed.publicKey.length !== 32) return false;
  try {
    return sr25519Verify(signed.message, signed.signature, signed.publicKey);
  } catch {
    return false;
  }
}

/** The address of 32 bytes. */
export function encodeSs58(publicKey: Uint8Array): Ss58 {
  return encodeAddress(publicKey, ss58Format);
}

/** The 32 bytes of an address of this network, or `undefined`: wrong length, checksum or format. */
export function decodeSs58(address: string): Uint8Array | undefined {
  try {
    const bytes = decodeAddress(address, false, ss58Format);
    return bytes.length === 32 && encodeSs58(bytes) === address ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function extractUri(uri: string): ReturnType<typeof keyExtractSuri> {
  try {
    return keyExtractSuri(uri);
  } catch {
    throw new OperatorError(
      "The key is neither a phrase, a seed nor a development uri.",
      "Write a mnemonic, 0x and 64 hex digits, or a name such as //Alice.",
    );
  }
}

function expandedOf(privateKey: Uint8Array): Uint8Array {
  const scaled = new Uint8Array(privateKey);
  for (let index = 31; index >= 0; index--)
    scaled[index] = ((privateKey[index]! << 3) | (index === 0 ? 0 : privateKey[index - 1]! >> 5)) & 0xff;
  return scaled;
}

function canonicalOf(secretKey: Uint8Array): Uint8Array {
  const scaled = new Uint8Array(secretKey);
  for (let index = 0; index < 32; index++)
    scaled[index] = ((secretKey[index]! >> 3) | (index === 31 ? 0 : secretKey[index + 1]! << 5)) & 0xff;
  return scaled;
}
