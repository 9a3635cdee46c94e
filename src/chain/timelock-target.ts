/** Elements of the pairing's target group as bytes: the hash input of timelock encryption. */
import { bls12_381 } from "@noble/curves/bls12-381.js";

export type Target = ReturnType<typeof bls12_381.pairing>;

const limbBytes = 48;

/** 12 field elements of 48 bytes, little-endian, each extension's c0 before its c1 (the Rust implementation's order). */
export function targetBytes(target: Target): Uint8Array {
  const elements = [target.c0, target.c1].flatMap((six) => [six.c0, six.c1, six.c2]).flatMap((two) => [two.c0, two.c1]);
  const bytes = new Uint8Array(elements.length * limbBytes);
  elements.forEach((element, index) => {
    bytes.set(Uint8Array.fromHex(element.toString(16).padStart(2 * limbBytes, "0")).reverse(), index * limbBytes);
  });
  return bytes;
}

export function equalTarget(a: Target, b: Target): boolean {
  return bls12_381.fields.Fp12.eql(a, b);
}
