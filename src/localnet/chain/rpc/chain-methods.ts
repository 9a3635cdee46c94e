/** Blocks and heads. Every block is final at once, unless reorgs were asked for. */

import type { Chain } from "../chain.ts";
import { unknownBlock } from "./error.ts";
import { headerJson, hex } from "./json.ts";
import type { Method, Methods } from "./method.ts";
import { blockHashOrNull, whole } from "./params.ts";

function subscribeHeads(notification: string): Method {
  return ({ chain, connection }) =>
    connection.subscribe(notification, (notify) => {
      notify(headerJson(chain.head.header));
      return chain.onBlock(({ header }) => notify(headerJson(header)));
    });
}

const subscribeFinalised: Method = ({ chain, connection }) =>
  connection.subscribe("chain_finalizedHead", (notify) => {
    notify(headerJson(chain.finalised.header));
    return chain.onFinalised(({ header }) => notify(headerJson(header)));
  });

const unsubscribe: Method = ({ connection }, [id]) => connection.unsubscribe(id);

export const chainMethods: Methods = {
  chain_getBlockHash: ({ chain }, [number]) => {
    if (number === undefined || number === null) return chain.head.hash;
    if (Array.isArray(number)) return number.map((each) => chain.hashOf(whole(each, "a block number")) ?? null);
    return chain.hashOf(whole(number, "a block number")) ?? null;
  },
  chain_getHeader: ({ chain }, [hash]) => {
    const block = blockAt(chain, blockHashOrNull(hash));
    return block === undefined ? null : headerJson(block.header);
  },
  chain_getBlock: ({ chain }, [hash]) => {
    const block = blockAt(chain, blockHashOrNull(hash));
    if (block === undefined) return null;
    const extrinsics = chain.body(block.hash);
    if (extrinsics === undefined) throw unknownBlock(block.hash);
    return { block: { header: headerJson(block.header), extrinsics: extrinsics.map(hex) }, justifications: null };
  },
  chain_getFinalizedHead: ({ chain }) => chain.finalised.hash,
  chain_subscribeNewHeads: subscribeHeads("chain_newHead"),
  chain_subscribeFinalizedHeads: subscribeFinalised,
  chain_subscribeAllHeads: subscribeHeads("chain_allHead"),
  chain_unsubscribeNewHeads: unsubscribe,
  chain_unsubscribeFinalizedHeads: unsubscribe,
  chain_unsubscribeAllHeads: unsubscribe,
};

function blockAt(chain: Chain, hash: string | null) {
  return hash === null ? chain.head : chain.block(hash);
}
