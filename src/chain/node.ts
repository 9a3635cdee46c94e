/** What a node says about itself and its blocks, checked before anything believes it. */

import { hexToU8a } from "@polkadot/util";
import { FailureError, messageOf } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import type { BlockHash, Head } from "../subnet.ts";
import { builtIn, plainOf, type ScaleHeader } from "./plain.ts";
import { LineError, RpcError } from "./socket.ts";

export interface RuntimeVersion {
  readonly specName: string;
  readonly specVersion: number;
  readonly transactionVersion: number;
}

/** A header as far as the client reads it. */
export interface Header extends Head {
  readonly parentHash: BlockHash;
}

/** One request to one node. */
export type Ask = (method: string, params: readonly unknown[]) => Promise<unknown>;

/** Who a node is and how far it has come. */
export interface NodeIdentity {
  readonly genesisHash: BlockHash;
  readonly chainName: string;
  readonly version: RuntimeVersion;
  readonly best: Header;
  readonly finalised: Header;
}

/** Greets a node. Throws `LineError` or `RpcError`. */
export async function readIdentity(ask: Ask): Promise<NodeIdentity> {
  const [genesis, version, chain, best, finalised] = await Promise.all([
    ask("chain_getBlockHash", [0]),
    ask("state_getRuntimeVersion", []),
    ask("system_chain", []),
    ask("chain_getHeader", []),
    ask("chain_getFinalizedHead", []).then((hash) => ask("chain_getHeader", [hash])),
  ]);
  return {
    genesisHash: hashOf(genesis, false),
    version: versionOf(version),
    chainName: printable(String(chain).slice(0, 100)),
    best: headerOf(best),
    finalised: headerOf(finalised),
  };
}

/**
 * The newest metadata that the runtime offers and this program reads: V16 or V15 for the runtime APIs, else V14. The
 * library would fall back to V14 whenever a request failed, and then find no runtime APIs for as long as it lives.
 */
export async function readMetadata(ask: Ask, hash: BlockHash): Promise<string> {
  const versions = await ask("state_call", ["Metadata_metadata_versions", "0x", hash])
    .then((answer) => plainOf(builtIn("Vec<u32>", scaleBytes(answer))) as readonly number[])
    .catch((error) => {
      // Runtimes before V15 have no such API: the node's refusal is the answer.
      if (error instanceof FailureError || error instanceof RpcError) return [] as readonly number[];
      throw error;
    });
  for (const version of [16, 15]) {
    if (!versions.includes(version)) continue;
    const param = `0x${version.toString(16).padStart(2, "0")}000000`;
    const answer = await ask("state_call", ["Metadata_metadata_at_version", param, hash]);
    const metadata = plainOf(builtIn("Option<Bytes>", scaleBytes(answer))) as Uint8Array | null;
    if (metadata !== null) return `0x${metadata.toHex()}`;
  }
  return String(await ask("state_getMetadata", [hash]));
}

/** The bytes of an answer. Given as hex they would be taken for the value itself instead of its encoding. */
function scaleBytes(answer: unknown): Uint8Array {
  if (typeof answer !== "string" || !/^0x(?:[0-9a-f]{2})*$/i.test(answer)) throw new LineError("hex was expected");
  return hexToU8a(answer);
}

/** A header and its hash, which is computed: an announced block has no hash of the node's own choosing. */
export function headerOf(raw: unknown): Header {
  if (typeof raw !== "object" || raw === null) throw new LineError("a header was expected");
  try {
    const header = builtIn<ScaleHeader>("Header", raw);
    return { number: header.number.toNumber(), hash: header.hash.toHex(), parentHash: header.parentHash.toHex() };
  } catch (error) {
    throw new LineError(`a header was expected: ${messageOf(error)}`);
  }
}

export function hashOf(raw: unknown, orNull: false): BlockHash;
export function hashOf(raw: unknown, orNull: boolean): BlockHash | null;
export function hashOf(raw: unknown, orNull: boolean): BlockHash | null {
  if (raw === null && orNull) return null;
  if (typeof raw === "string" && /^0x[0-9a-f]{64}$/.test(raw)) return raw;
  throw new LineError("a block hash was expected");
}

export function versionOf(raw: unknown): RuntimeVersion {
  const { specName, specVersion, transactionVersion } = (raw ?? {}) as Partial<RuntimeVersion>;
  if (typeof specName !== "string" || !Number.isInteger(specVersion) || !Number.isInteger(transactionVersion))
    throw new LineError("a runtime version was expected");
  return { specName, specVersion: specVersion!, transactionVersion: transactionVersion! };
}
