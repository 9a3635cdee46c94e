/** Headers and blocks in the shape that JSON-RPC gives them. */
import { encode } from "../scale/type.ts";
import { digestItem, type Header } from "../types/substrate.ts";

export function hex(bytes: Uint8Array): string {
  return `0x${bytes.toHex()}`;
}

/** Many clients are told of each head, so a header is written once. */
const written = new WeakMap<Header, HeaderJson>();

export interface HeaderJson {
  readonly parentHash: string;
  readonly number: string;
  readonly stateRoot: string;
  readonly extrinsicsRoot: string;
  readonly digest: { readonly logs: readonly string[] };
}

export function headerJson(header: Header): HeaderJson {
  let json = written.get(header);
  if (json === undefined) {
    json = {
      parentHash: header.parentHash,
      number: `0x${header.number.toString(16)}`,
      stateRoot: header.stateRoot,
      extrinsicsRoot: header.extrinsicsRoot,
      digest: { logs: header.digest.logs.map((item) => hex(encode(digestItem, item))) },
    };
    written.set(header, json);
  }
  return json;
}
