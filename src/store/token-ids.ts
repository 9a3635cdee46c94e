/** Token ids as bytes: unsigned LEB128, seven bits a byte, low bits first. About 2.3 bytes a token for common vocabularies. */
import { assert } from "../base/assert.ts";

/** Ids must be whole numbers below 2^31. */
export function packIds(ids: readonly number[]): Buffer {
  const bytes = Buffer.alloc(ids.length * 5);
  let at = 0;
  for (const id of ids) {
    assert(Number.isInteger(id) && id >= 0 && id < 2 ** 31, `${id} is not a token id`);
    let rest = id;
    while (rest >= 128) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
  }
  return bytes.subarray(0, at);
}

export function unpackIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  let id = 0;
  let shift = 0;
  for (const byte of bytes) {
    id |= (byte & 127) << shift;
    shift += 7;
    if (byte >= 128) continue;
    ids.push(id);
    id = 0;
    shift = 0;
  }
  assert(shift === 0, "packed token ids end inside a number");
  return ids;
}
