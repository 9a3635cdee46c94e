/** Which beacon round a timelocked commit must wait for: the first that is signed after its reveal epoch has begun. */
import type { Block } from "../subnet.ts";
import { type EpochState, epochOfNextBlock, epochStart } from "./epoch.ts";
import type { Beacon } from "./timelock.ts";

/** The network's clients aim this far into the reveal epoch, so that a slow block does not open a commit too early. */
const safetyBlocks = 3;

export interface RevealTiming {
  /** As of the head that the commit is made after. */
  readonly state: EpochState;
  readonly revealPeriodEpochs: number;
  readonly beacon: Beacon;
  readonly blockSeconds: number;
  /** The time of `state.block` as the chain has it: this machine's clock may be set wrong, or jump. */
  readonly blockUnixSeconds: number;
}

/** The first block of the epoch in which a commit made in the next block is revealed. */
export function firstRevealBlock(state: EpochState, revealPeriodEpochs: number): Block {
  return epochStart(state, epochOfNextBlock(state) + revealPeriodEpochs);
}

/** ⌊(block's time + (first reveal block + 3 − current block) · block time − genesis) / period⌋ */
export function revealRound(timing: RevealTiming): bigint {
  const { state, revealPeriodEpochs, beacon, blockSeconds, blockUnixSeconds } = timing;
  const waitBlocks = firstRevealBlock(state, revealPeriodEpochs) + safetyBlocks - state.block;
  const seconds = blockUnixSeconds + waitBlocks * blockSeconds - beacon.genesisSeconds;
  return BigInt(Math.floor(seconds / beacon.periodSeconds));
}
