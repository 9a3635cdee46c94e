/**
 * Timelock encryption: a message that anybody can open once a beacon has signed a round, and nobody before.
 *
 * The beacon (drand's quicknet, or a local chain's own) signs round numbers with a BLS key: its public key is in G2, a
 * signature is a point of G1. Encryption is identity-based (Boneh–Franklin with the Fujisaki–Okamoto check): the round
 * is the identity and its signature is the key. The body is AES-256-GCM.
 *
 *     U(96) ‖ len+V(32) ‖ len+W(32) ‖ len+[len+ciphertext‖tag ‖ len+nonce] ‖ len+"AES_GCM_"     (lengths u64 LE)
 */
import { gcm } from "@noble/ciphers/aes.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, randomBytes } from "@noble/hashes/utils.js";
import { equalTarget, targetBytes } from "./timelock-target.ts";

/** A source of signed rounds. */
export interface Beacon {
  /** A compressed G2 point, 96 bytes. */
  readonly publicKey: Uint8Array;
  /** Round n is signed at genesis + (n − 1) · period, in Unix time. */
  readonly genesisSeconds: number;
  readonly periodSeconds: number;
}

/** The public beacon that the chain reveals by. */
export const quicknet: Beacon = {
  publicKey: Uint8Array.fromHex(
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
  ),
  genesisSeconds: 1_692_803_367,
  periodSeconds: 3,
};

export interface Lock {
  readonly round: bigint;
  readonly publicKey: Uint8Array;
  /** Fixed only by tests; every message needs its own. */
  readonly secrets?: { readonly key: Uint8Array; readonly sigma: Uint8Array; readonly nonce: Uint8Array };
}

/** Why a locked message cannot be opened. */
export type TimelockFault = "malformed" | "not-on-curve" | "wrong-signature" | "damaged";

const { G1, G2, fields } = bls12_381;
type G1Point = typeof G1.Point.BASE;
const pointBytes = 96;
const blockBytes = 32;
const nonceBytes = 12;
/** More than the chain stores (5000), so that a stranger's bytes cannot make us allocate without bound. */
const messageBytesMax = 1 << 20;
const suite = new TextEncoder().encode("AES_GCM_");
const domain = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/** Encrypts for a round. The result is 244 bytes longer than the message. */
export function timelockEncrypt(message: Uint8Array, { round, publicKey, secrets }: Lock): Uint8Array {
  const { key, sigma, nonce } = secrets ?? {
    key: randomBytes(blockBytes),
    sigma: randomBytes(blockBytes),
    nonce: randomBytes(nonceBytes),
  };
  const scalar = scalarOf(sigma, key);
  const beacon = G2.Point.fromBytes(publicKey);
  const target = bls12_381.pairing(roundPoint(round), beacon.multiply(scalar));
  const body = concatBytes(sized(gcm(key, nonce).encrypt(message)), sized(nonce));
  return concatBytes(
    G2.Point.BASE.multiply(scalar).toBytes(true),
    sized(xor(sigma, sha256(targetBytes(target)))),
    sized(xor(key, sha256(sigma))),
    sized(body),
    sized(suite),
  );
}

/**
 * Opens a message with the round's signature (a compressed G1 point, 48 bytes). A stranger wrote the bytes, so every
 * defect is a value. "wrong-signature" is also what a message made for another round or beacon gives.
 */
export function timelockDecrypt(
  bytes: Uint8Array,
  signature: Uint8Array,
): Uint8Array | { readonly fault: TimelockFault } {
  const parts = parse(bytes);
  if (parts === undefined) return { fault: "malformed" };
  const point = pointOf(() => G2.Point.fromBytes(parts.point));
  const signed = pointOf(() => G1.Point.fromBytes(signature));
  if (point === undefined || signed === undefined) return { fault: "not-on-curve" };
  const sigma = xor(parts.maskedSigma, sha256(targetBytes(bls12_381.pairing(signed, point))));
  const key = xor(parts.maskedKey, sha256(sigma));
  // Fujisaki–Okamoto: the sender must have derived U from what we have found, or the signature is another round's.
  if (!G2.Point.BASE.multiply(scalarOf(sigma, key)).equals(point)) return { fault: "wrong-signature" };
  try {
    return gcm(key, parts.nonce).decrypt(parts.ciphertext);
  } catch {
    return { fault: "damaged" };
  }
}

/** True when `signature` is the beacon's for the round. */
export function verifyRound(round: bigint, signature: Uint8Array, publicKey: Uint8Array): boolean {
  const signed = pointOf(() => G1.Point.fromBytes(signature));
  const beacon = pointOf(() => G2.Point.fromBytes(publicKey));
  if (signed === undefined || beacon === undefined) return false;
  return equalTarget(bls12_381.pairing(signed, G2.Point.BASE), bls12_381.pairing(roundPoint(round), beacon));
}

/** Signs a round as a beacon: what a local chain does. The secret key is a number below the group's order. */
export function signRound(round: bigint, secretKey: bigint): Uint8Array {
  return roundPoint(round).multiply(secretKey).toBytes(true);
}

/** The public key of a beacon's secret key, 96 bytes. */
export function beaconPublicKey(secretKey: bigint): Uint8Array {
  return G2.Point.BASE.multiply(secretKey).toBytes(true);
}

/** A beacon's secret key from 32 or more bytes of randomness. */
export function beaconSecretKey(seed: Uint8Array): bigint {
  return fields.Fr.create(BigInt(`0x${sha256(seed).toHex()}`)) || 1n;
}

function roundPoint(round: bigint): G1Point {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, round, false);
  return G1.hashToCurve(sha256(bytes), { DST: domain }) as G1Point;
}

function scalarOf(sigma: Uint8Array, key: Uint8Array): bigint {
  return fields.Fr.create(BigInt(`0x${sha256(concatBytes(sigma, key)).toHex()}`));
}

interface Parts {
  readonly point: Uint8Array;
  readonly maskedSigma: Uint8Array;
  readonly maskedKey: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly nonce: Uint8Array;
}

function parse(bytes: Uint8Array): Parts | undefined {
  if (bytes.length > messageBytesMax) return undefined;
  const point = bytes.subarray(0, pointBytes);
  const outer = readSized(bytes.subarray(pointBytes), 4);
  const inner = outer === undefined ? undefined : readSized(outer[2]!, 2);
  if (outer === undefined || inner === undefined) return undefined;
  const [maskedSigma, maskedKey, , name] = outer as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const [ciphertext, nonce] = inner as [Uint8Array, Uint8Array];
  const isWhole =
    maskedSigma.length === blockBytes &&
    maskedKey.length === blockBytes &&
    nonce.length === nonceBytes &&
    Buffer.from(name).equals(suite);
  return isWhole ? { point, maskedSigma, maskedKey, ciphertext, nonce } : undefined;
}

/** Exactly `count` length-prefixed parts, or nothing: no bytes may be left over. */
function readSized(bytes: Uint8Array, count: number): Uint8Array[] | undefined {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (parts.length < count) {
    if (bytes.length - at < 8) return undefined;
    const length = new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigUint64(0, true);
    at += 8;
    if (length > BigInt(bytes.length - at)) return undefined;
    parts.push(bytes.subarray(at, at + Number(length)));
    at += Number(length);
  }
  return at === bytes.length ? parts : undefined;
}

function sized(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
  return concatBytes(length, bytes);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((value, index) => value ^ b[index]!);
}

function pointOf<P extends { assertValidity(): void; is0(): boolean }>(read: () => P): P | undefined {
  try {
    const point = read();
    point.assertValidity();
    return point.is0() ? undefined : point;
  } catch {
    return undefined;
  }
}
