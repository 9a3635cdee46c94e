/** Who this node is. */

import { accountOf } from "./extrinsic-methods.ts";
import type { Methods } from "./method.ts";

export const systemMethods: Methods = {
  system_chain: () => "Finetune Local",
  system_name: () => "finetune",
  system_version: () => "1",
  system_chainType: () => "Local",
  system_nodeRoles: () => ["Authority"],
  system_properties: () => ({ isEthereum: false, ss58Format: 42, tokenDecimals: 9, tokenSymbol: "TAO" }),
  system_health: () => ({ peers: 0, isSyncing: false, shouldHavePeers: false }),
  system_peers: () => [],
  system_syncState: ({ chain }) => ({
    startingBlock: 0,
    currentBlock: chain.head.number,
    highestBlock: chain.head.number,
  }),
  system_accountNextIndex: ({ chain }, [account]) => chain.nextNonce(accountOf(account)),
};
