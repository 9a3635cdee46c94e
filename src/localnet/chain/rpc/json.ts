/** Headers and blocks in the shape that JSON-RPC gives them. */
import { encode } from "../scale/type.ts";
import { digestItem, type Header } from "../types/substrate.ts";

export function hex(bytes: Uint8Array): string {
  return `0x${bytes.toHex()}`;
}

export function headerJson(header: Header) {
  return {
    parentHash: header.parentHash,
    number: `0x${header.number.toString(16)}`,
    stateRoot: header.stateRoot,
    extrinsicsRoot: header.extrinsicsRoot,
    digest: { logs: header.digest.logs.map((item) => hex(encode(digestItem, item))) },
  };
}
