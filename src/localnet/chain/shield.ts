/**
 * Shielded extrinsics: encrypted to the chain's ML-KEM-768 key, opened by whoever builds the block, and run as ordinary
 * extrinsics right behind the one that carried them. The local chain keeps one key for its whole life.
 *
 *     twox128(key)(16) ‖ u16 LE 1088 ‖ encapsulation(1088) ‖ nonce(24) ‖ XChaCha20-Poly1305(extrinsic)
 */
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { xxhashAsU8a } from "@polkadot/util-crypto";
import { prefixed } from "./extrinsic.ts";
import { mevShieldStorage } from "./pallets/mev-shield.ts";
import { MalformedBytes, ScaleReader } from "./scale/bytes.ts";
import type { State } from "./state.ts";

const hashBytes = 16;
const encapsulationBytes = 1088;
const nonceBytes = 24;

/** Why the pool does not take a carrier, by the codes of `Invalid::Custom`. */
export const shieldRejection = { malformed: 23, otherKey: 24 } as const;

export class Shield {
  private readonly publicKey: Uint8Array;
  private readonly secretKey: Uint8Array;

  /** @param seed 64 bytes */
  constructor(seed: Uint8Array) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    this.publicKey = publicKey;
    this.secretKey = secretKey;
  }

  configure(state: State): void {
    state.set(mevShieldStorage.CurrentKey, [], this.publicKey);
    state.set(mevShieldStorage.NextKey, [], this.publicKey);
  }

  /** The code that keeps a carrier out of the pool, undefined for one that can be opened as far as one sees. */
  rejection(ciphertext: Uint8Array): number | undefined {
    try {
      const { keyHash } = parse(ciphertext);
      return Buffer.from(keyHash).equals(xxhashAsU8a(this.publicKey, 128)) ? undefined : shieldRejection.otherKey;
    } catch (error) {
      if (error instanceof MalformedBytes) return shieldRejection.malformed;
      throw error;
    }
  }

  /** The extrinsic inside, with its length prefix; undefined for bytes that were not made with our key. */
  open(ciphertext: Uint8Array): Uint8Array | undefined {
    try {
      const { encapsulation, nonce, body } = parse(ciphertext);
      const secret = ml_kem768.decapsulate(encapsulation, this.secretKey);
      return withPrefix(xchacha20poly1305(secret, nonce).decrypt(body));
    } catch {
      // Parsing, decapsulation and authentication all say the same of a stranger's bytes: nothing is inside.
      return undefined;
    }
  }
}

function parse(ciphertext: Uint8Array) {
  const reader = new ScaleReader(ciphertext);
  const keyHash = reader.raw(hashBytes);
  if (reader.u16() !== encapsulationBytes) throw new MalformedBytes("the encapsulation has another length");
  const encapsulation = reader.raw(encapsulationBytes);
  const nonce = reader.raw(nonceBytes);
  return { keyHash, encapsulation, nonce, body: reader.raw(reader.remaining) };
}

function withPrefix(extrinsic: Uint8Array): Uint8Array {
  const reader = new ScaleReader(extrinsic);
  return Number(reader.compact()) === reader.remaining ? extrinsic : prefixed(extrinsic);
}
