/**
 * The JSON-RPC methods that the local chain answers: what @polkadot/api asks, and the older spellings that the Python
 * SDKs use. Anything else is "Method not found".
 */
import { chainMethods } from "./chain-methods.ts";
import { extrinsicMethods } from "./extrinsic-methods.ts";
import type { Methods } from "./method.ts";
import { stateMethods } from "./state-methods.ts";
import { systemMethods } from "./system-methods.ts";

const own: Methods = { ...systemMethods, ...chainMethods, ...stateMethods, ...extrinsicMethods };

/** Other names of the same methods. */
const aliases: Readonly<Record<string, string>> = {
  account_nextIndex: "system_accountNextIndex",
  chain_getHead: "chain_getBlockHash",
  chain_getFinalisedHead: "chain_getFinalizedHead",
  chain_getRuntimeVersion: "state_getRuntimeVersion",
  chain_subscribeNewHead: "chain_subscribeNewHeads",
  chain_subscribeFinalisedHeads: "chain_subscribeFinalizedHeads",
  chain_unsubscribeNewHead: "chain_unsubscribeNewHeads",
  chain_unsubscribeFinalisedHeads: "chain_unsubscribeFinalizedHeads",
  chain_subscribeRuntimeVersion: "state_subscribeRuntimeVersion",
  chain_unsubscribeRuntimeVersion: "state_unsubscribeRuntimeVersion",
  state_getStorageAt: "state_getStorage",
  state_getStorageHashAt: "state_getStorageHash",
  state_getStorageSizeAt: "state_getStorageSize",
  state_getKeysPagedAt: "state_getKeysPaged",
  state_callAt: "state_call",
};

export const methods: Methods = {
  ...own,
  ...Object.fromEntries(Object.entries(aliases).map(([alias, name]) => [alias, own[name]!])),
  rpc_methods: () => ({ methods: Object.keys(methods).sort() }),
};
