/** What the demonstration shows: the first validator's leaderboard, and what the chain pays. */
import { join } from "node:path";
import type { ChainClient } from "../../chain/client.ts";
import { keypairFromUri } from "../../chain/keypair.ts";
import { type Leaderboard, readLeaderboards } from "../../store/leaderboard.ts";
import { openStore } from "../../store/store.ts";
import type { Block, Netuid, Neuron, Uid } from "../../subnet.ts";
import { hotkeyOf, miners, validators } from "./cast.ts";

export interface DemoView {
  readonly block: Block;
  readonly stateFile: string;
  readonly board: Leaderboard | undefined;
  /** By uid: who it is in the demonstration. */
  readonly names: ReadonlyMap<Uid, string>;
  readonly neurons: readonly Neuron[];
}

export async function readView(input: {
  readonly dir: string;
  readonly chain: ChainClient;
  readonly netuid: Netuid;
}): Promise<DemoView> {
  const stateFile = join(input.dir, "validator-0.sqlite");
  const { block, neurons } = await input.chain.metagraph(input.netuid);
  const store = await openStore({ path: stateFile, mode: "read" });
  try {
    const [board] = await readLeaderboards(store);
    return { block, stateFile, board, neurons, names: namesOf(neurons) };
  } finally {
    await store.close();
  }
}

function namesOf(neurons: readonly Neuron[]): Map<Uid, string> {
  const known = new Map([
    ...validators.map(
      ({ uri }, index) => [keypairFromUri(`${uri}//hotkey`).ss58Address, `validator-${index}`] as const,
    ),
    ...miners.map((miner) => [keypairFromUri(hotkeyOf(miner)).ss58Address, miner.name] as const),
  ]);
  return new Map(neurons.flatMap(({ uid, hotkey }) => (known.has(hotkey) ? [[uid, known.get(hotkey)!]] : [])));
}
