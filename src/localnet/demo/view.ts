/** What the demonstration shows: the first validator's leaderboard, and what the chain pays. */
import { join } from "node:path";
import type { ChainClient } from "../../chain/client.ts";
import { keypairFromUri } from "../../chain/keypair.ts";
import { readContenders } from "../../store/contenders.ts";
import { type Leaderboard, readLeaderboards } from "../../store/leaderboard.ts";
import { readStandings } from "../../store/results.ts";
import { listRounds } from "../../store/rounds.ts";
import { openStore, type Store } from "../../store/store.ts";
import type { Block, Netuid, Neuron, Uid } from "../../subnet.ts";
import { hotkeyOf, miners, validators } from "./cast.ts";

export interface DemoView {
  readonly block: Block;
  readonly stateFile: string;
  readonly board: Leaderboard | undefined;
  /** By uid: who it is in the demonstration. */
  readonly names: ReadonlyMap<Uid, string>;
  readonly neurons: readonly Neuron[];
  /** Whose model was found to be another's, in any round. */
  readonly copies: readonly { readonly uid: Uid; readonly of: Uid; readonly repo: string }[];
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
    return { block, stateFile, board, neurons, names: namesOf(neurons), copies: await readCopies(store) };
  } finally {
    await store.close();
  }
}

/** A copy contends once and is not looked at again, so the last leaderboard need not show it. */
async function readCopies(store: Store): Promise<DemoView["copies"]> {
  const copies = new Map<Uid, DemoView["copies"][number]>();
  for (const { id } of await listRounds(store, { state: "finished" })) {
    const contenders = new Map((await readContenders(store, id)).map((contender) => [contender.uid, contender]));
    for (const { uid, duplicate_of: of } of await readStandings(store, id))
      if (of !== null) copies.set(uid, { uid, of, repo: contenders.get(uid)?.repo ?? "" });
  }
  return [...copies.values()];
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
