/** The drand beacon that the chain listens to, as the chain itself describes it, and the round that a block will have. */
import { FailureError } from "../base/errors.ts";
import type { Plain } from "./plain.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Beacon } from "./timelock.ts";

/** A pulse reaches the chain this many blocks after its time; a commit must not open before its reveal epoch began. */
const pulseDelayBlocks = 3;

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

/**
 * The round that opens in the first blocks of a reveal epoch which begins `blocksAhead` of now:
 * floor((now + (blocksAhead + 3) · block time − genesis) / period), and always one that the chain has not seen.
 */
export function roundAt(
  beacon: ChainBeacon,
  {
    blocksAhead,
    blockTimeMs,
    nowMs,
  }: { readonly blocksAhead: number; readonly blockTimeMs: number; readonly nowMs: number },
): bigint {
  const seconds = (nowMs + (blocksAhead + pulseDelayBlocks) * blockTimeMs) / 1000 - beacon.genesisSeconds;
  const byClock = BigInt(Math.floor(seconds / beacon.periodSeconds));
  return byClock > beacon.lastRound ? byClock : beacon.lastRound + 1n;
}
