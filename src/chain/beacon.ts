/** The drand beacon that the chain listens to, as the chain itself describes it. */
import type { Plain } from "./plain.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Beacon } from "./timelock.ts";

export interface ChainBeacon extends Beacon {
  /** The newest round that the chain has seen. */
  readonly lastRound: bigint;
  /** The block's own time, which the beacon's rounds are counted to. */
  readonly blockUnixSeconds: number;
}

/** Undefined on a chain that names no beacon: nobody could open what is locked there. */
export async function readBeacon(snapshot: Snapshot): Promise<ChainBeacon | undefined> {
  const [config, lastRound, blockMs] = await snapshot.values([
    ["Drand.BeaconConfig"],
    ["Drand.LastStoredRound"],
    ["Timestamp.Now"],
  ]);
  const { publicKey, genesisTime, period } = config as { readonly [name: string]: Plain };
  if (Number(period) === 0 || (publicKey as Uint8Array).length === 0) return undefined;
  return {
    publicKey: publicKey as Uint8Array,
    genesisSeconds: Number(genesisTime),
    periodSeconds: Number(period),
    lastRound: lastRound as bigint,
    blockUnixSeconds: Number(blockMs) / 1000,
  };
}
