/** Storage, runtime APIs, metadata. */
import { blake2AsU8a } from "@polkadot/util-crypto";
import type { Chain } from "../chain.ts";
import { MalformedBytes, ScaleReader } from "../scale/bytes.ts";
import { encode } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import { discardedState, invalidParams, RpcError, unknownBlock } from "./error.ts";
import { hex } from "./json.ts";
import type { Method, Methods } from "./method.ts";
import { blockHashOrNull, hexBytes, storageKey, storageKeys, text, whole } from "./params.ts";

/** More keys than this are not given at once: the real node's bound. */
const pageSizeMax = 1000;

const unsubscribe: Method = ({ connection }, [id]) => connection.unsubscribe(id);

export const stateMethods: Methods = {
  state_getMetadata: ({ chain }) => hex(chain.metadata.v14),
  state_getRuntimeVersion: ({ chain }, [hash]) => {
    at(chain, hash);
    return versionJson(chain);
  },
  state_subscribeRuntimeVersion: ({ chain, connection }) =>
    connection.subscribe("state_runtimeVersion", (notify) => {
      notify(versionJson(chain));
      return () => {};
    }),
  state_unsubscribeRuntimeVersion: unsubscribe,
  state_getStorage: ({ chain }, [key, hash]) => valueJson(at(chain, hash).state, storageKey(key)),
  state_getStorageHash: ({ chain }, [key, hash]) => {
    const value = at(chain, hash).state.raw(storageKey(key));
    return value === undefined ? null : hex(blake2AsU8a(value, 256));
  },
  state_getStorageSize: ({ chain }, [key, hash]) => at(chain, hash).state.raw(storageKey(key))?.length ?? null,
  state_queryStorageAt: ({ chain }, [keys, hash]) => {
    const { state, hash: block } = at(chain, hash);
    return [{ block, changes: storageKeys(keys).map((key) => [`0x${key}`, valueJson(state, key)]) }];
  },
  state_getKeysPaged: ({ chain }, [prefix, count, start, hash]) => {
    const { block } = at(chain, hash);
    const page = {
      prefix: prefix === null ? "" : storageKey(prefix),
      start: start === undefined || start === null ? "" : storageKey(start),
      count: whole(count, "a count"),
    };
    if (page.count > pageSizeMax)
      throw new RpcError(4002, `count exceeds maximum value. value: ${page.count}, max: ${pageSizeMax}`);
    return chain.keysPaged(block, page).map((key) => `0x${key}`);
  },
  state_subscribeStorage: ({ chain, connection }, [keys]) => {
    const wanted = storageKeys(keys);
    return connection.subscribe("state_storage", (notify) => {
      const { state, hash } = at(chain, null);
      notify({ block: hash, changes: wanted.map((key) => [`0x${key}`, valueJson(state, key)]) });
      return chain.onBlock(({ hash: block, changes }) => {
        const changed = wanted.filter((key) => changes.has(key));
        if (changed.length === 0) return;
        notify({ block, changes: changed.map((key) => [`0x${key}`, bytesJson(changes.get(key))]) });
      });
    });
  },
  state_unsubscribeStorage: unsubscribe,
  state_call: ({ chain }, [name, params, hash]) =>
    callApi(chain, text(name, "a method"), hexBytes(params, "the parameters"), hash),
};

interface At {
  readonly state: StateView;
  readonly block: number;
  readonly hash: string;
}

/** The state that a request asks for; the head's without a hash. */
function at(chain: Chain, hash: unknown): At {
  const wanted = blockHashOrNull(hash);
  const found = chain.stateAt(wanted);
  if (found === undefined) throw unknownBlock(wanted!);
  if (found === "discarded") throw discardedState(wanted!);
  return { ...found, hash: wanted ?? chain.head.hash };
}

function valueJson(state: StateView, key: string): string | null {
  return bytesJson(state.raw(key));
}

function bytesJson(value: Uint8Array | undefined): string | null {
  return value === undefined ? null : hex(value);
}

function versionJson({ version }: Chain) {
  return {
    specName: version.spec_name,
    implName: version.impl_name,
    authoringVersion: version.authoring_version,
    specVersion: version.spec_version,
    implVersion: version.impl_version,
    apis: version.apis,
    transactionVersion: version.transaction_version,
    stateVersion: version.system_version,
  };
}

/** Answers that many validators ask for at the same block, encoded once. Forgotten with the next block. */
const answers = new WeakMap<Chain, { hash: string; byCall: Map<string, string> }>();

function callApi(chain: Chain, name: string, params: Uint8Array, hash: unknown): string {
  const place = at(chain, hash);
  let known = answers.get(chain);
  if (known?.hash !== chain.head.hash) answers.set(chain, (known = { hash: chain.head.hash, byCall: new Map() }));
  const call = `${name} ${params.toHex()} ${place.hash}`;
  const before = known.byCall.get(call);
  if (before !== undefined) return before;
  const answer = hex(answerApi(chain, name, params, place));
  known.byCall.set(call, answer);
  return answer;
}

function answerApi(chain: Chain, name: string, params: Uint8Array, { state, block }: At): Uint8Array {
  const [api = "", ...rest] = name.split("_");
  const found = Object.hasOwn(chain.apis, api) ? chain.apis[api]! : {};
  const method = rest.join("_");
  if (!Object.hasOwn(found, method)) {
    throw new RpcError(4003, `Client error: Execution failed: Other: Exported method ${name} is not found`);
  }
  const { inputs, output, answer } = found[method]!;
  const reader = new ScaleReader(params);
  try {
    const values = Object.fromEntries(Object.entries(inputs).map(([input, type]) => [input, type.decode(reader)]));
    return encode(output, answer({ state, block, node: chain }, values as never));
  } catch (error) {
    if (error instanceof MalformedBytes) throw invalidParams(`${name}: ${error.message}`);
    throw error;
  }
}
