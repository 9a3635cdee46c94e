/** The drand beacon that the chain listens to, as the chain itself describes it. */
import { FailureError } from "../base/errors.ts";
import type { Plain } from "./plain.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Beacon } from "./timelock.ts";

export interface ChainBeacon extends Beacon {
  /** The newest round that the chain has seen. */
  readonly lastRound: bigint;
}

export async function readBeacon(snapshot: Snapshot): Promise<ChainBeacon> {
  const [config, lastRound] = await snapshot.values([["Drand.BeaconConfig"], ["Drand.LastStoredRound"]]);
  const { publicKey, genesisTime, period } = config as { readonly [name: string]: Plain };
  if (Number(period) === 0 || (publicKey as Uint8Array).length === 0)
    throw new FailureError(
      "The chain asks for timelocked weights but names no beacon that would open them.",
      "Ask the subnet's owner; weights can be committed by hash where the chain takes that.",
    );
  return {
    publicKey: publicKey as Uint8Array,
    genesisSeconds: Number(genesisTime),
    periodSeconds: Number(period),
    lastRound: lastRound as bigint,
  };
}
