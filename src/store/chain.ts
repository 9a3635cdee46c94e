/** Whose state a file is: a chain, by its genesis block, and a subnet. */
import { OperatorError } from "../base/errors.ts";
import type { BlockHash, Netuid } from "../subnet.ts";
import type { Store } from "./store.ts";

export interface ChainIdentity {
  readonly genesisHash: BlockHash;
  readonly netuid: Netuid;
}

export async function readChain(store: Store): Promise<ChainIdentity | undefined> {
  const row = await store.db.selectFrom("chain").selectAll().executeTakeFirst();
  return row === undefined ? undefined : { genesisHash: row.genesis_hash, netuid: row.netuid };
}

/**
 * Ties a new file to a chain and subnet, once; later calls check. Throws `OperatorError` when the file belongs to another:
 * uids and block numbers of two chains must never meet in one table.
 */
export async function bindChain(store: Store, { genesisHash, netuid }: ChainIdentity): Promise<void> {
  const bound = await readChain(store);
  if (bound === undefined) {
    await store.db.insertInto("chain").values({ id: 1, genesis_hash: genesisHash, netuid }).execute();
    return;
  }
  if (bound.genesisHash !== genesisHash)
    throw new OperatorError(
      `${store.path} holds the state of another chain (genesis ${bound.genesisHash}, this one is ${genesisHash}).`,
      "Give another file with --db, or the network that it belongs to with --network.",
    );
  if (bound.netuid !== netuid)
    throw new OperatorError(
      `${store.path} holds the state of subnet ${bound.netuid}, not ${netuid}.`,
      "Give another file with --db, or the subnet that it belongs to with --netuid.",
    );
}
