/**
 * @polkadot/api over our own connection, one `ApiPromise` for each version of the runtime; no other file imports it.
 * It is told what the connection has read and checked already. Whatever else it asks goes where every other request
 * goes, under the same deadlines and to the same endpoints.
 */
import { ApiPromise } from "@polkadot/api";
import type { ApiOptions } from "@polkadot/api/types";
import { assert } from "../base/assert.ts";
import type { BlockHash } from "../subnet.ts";
import type { Ask, RuntimeVersion } from "./node.ts";

/** The library's encoders and decoders of one runtime: `tx`, `query`, `call`, `consts` and the registry of types. */
export type Api = ApiPromise;

type Provider = NonNullable<ApiOptions["provider"]>;

export interface ApiSource {
  readonly genesisHash: BlockHash;
  readonly chainName: string;
  readonly version: RuntimeVersion;
  /** SCALE metadata of this version, "meta" prefix included. */
  readonly metadata: string;
}

/** Rejects with the library's error when the metadata is none that it reads. */
export function openApi(ask: Ask, source: ApiSource): Promise<Api> {
  return ApiPromise.create({
    provider: new Connection(ask, source),
    metadata: { [`${source.genesisHash}-${source.version.specVersion}`]: source.metadata as `0x${string}` },
    // Its warnings are of calls that nobody makes here, and would stand between the lines of our own log.
    noInitWarn: true,
    // Hashes are computed without the compiled library, which would have to be loaded first.
    initWasm: false,
    throwOnConnect: true,
  });
}

/**
 * Our connection as the library knows one. Without subscriptions, so that the library neither follows the runtime's
 * version (it would reload metadata that lacks the runtime APIs) nor asks for the node's health every ten seconds.
 */
class Connection implements Provider {
  readonly hasSubscriptions = false;
  readonly isClonable = false;
  readonly isConnected = true;
  readonly #ask: Ask;
  readonly #known: Readonly<Record<string, unknown>>;

  constructor(ask: Ask, { genesisHash, chainName, version }: ApiSource) {
    this.#ask = ask;
    this.#known = {
      chain_getBlockHash: genesisHash,
      // Not the newest version, as the node would say, but the one that the metadata is of.
      state_getRuntimeVersion: { ...version, apis: [] },
      system_chain: chainName,
      // The format of every address on the network, whatever a node's chain spec says.
      system_properties: { ss58Format: 42, tokenDecimals: 9, tokenSymbol: "TAO" },
      rpc_methods: { methods: [] },
    };
  }

  async send<T>(method: string, params: unknown[]): Promise<T> {
    return (Object.hasOwn(this.#known, method) ? this.#known[method] : await this.#ask(method, params)) as T;
  }

  // Heads are followed by link.ts, which also dials and closes: nothing is left of these.
  subscribe(): Promise<never> {
    assert(false, "the library subscribes to nothing");
  }

  unsubscribe(): Promise<never> {
    assert(false, "the library subscribes to nothing");
  }

  clone(): never {
    assert(false, "a connection belongs to one ApiPromise");
  }

  async connect(): Promise<void> {}

  async disconnect(): Promise<void> {}

  on(): () => void {
    return () => {};
  }
}
