/** When a subnet's epochs begin, by the rule that the runtime follows: kept in its state (spec 423 on), or arithmetic. */
import type { Block, Netuid } from "../subnet.ts";
import { readNamed } from "./hyperparameters.ts";
import type { Snapshot } from "./snapshot.ts";

/** After this many blocks without a step an epoch fires whatever the tempo says. */
const blocksWithoutStepMax = 50_400;

/** What decides a subnet's epochs, as of the state after `block`. */
export type EpochState = {
  readonly netuid: Netuid;
  readonly block: Block;
  readonly tempo: number;
} & (
  | { readonly rule: "arithmetic" }
  | {
      readonly rule: "stateful";
      readonly epochIndex: number;
      readonly lastEpochBlock: Block;
      /** 0: none is pending. */
      readonly pendingEpochAt: Block;
      readonly blocksSinceLastStep: number;
    }
);

export async function readEpochState(snapshot: Snapshot, netuid: Netuid): Promise<EpochState> {
  const found = await readNamed(snapshot, {
    tempo: ["SubtensorModule.Tempo", netuid],
    epochIndex: ["SubtensorModule.SubnetEpochIndex", netuid],
    lastEpochBlock: ["SubtensorModule.LastEpochBlock", netuid],
    pendingEpochAt: ["SubtensorModule.PendingEpochAt", netuid],
    blocksSinceLastStep: ["SubtensorModule.BlocksSinceLastStep", netuid],
  });
  const common = { netuid, block: snapshot.block, tempo: Number(found.tempo) };
  if (found.lastEpochBlock === null) return { rule: "arithmetic", ...common };
  return {
    rule: "stateful",
    ...common,
    epochIndex: Number(found.epochIndex),
    lastEpochBlock: Number(found.lastEpochBlock),
    pendingEpochAt: Number(found.pendingEpochAt),
    blocksSinceLastStep: Number(found.blocksSinceLastStep),
  };
}

/** The first block after `state.block` in which an epoch fires. */
export function nextEpochBlock(state: EpochState): Block {
  const soonest = state.block + 1;
  if (state.rule === "arithmetic") return firstBlock(state, epochAt(state, state.block) + 1);
  const byTempo = state.lastEpochBlock + state.tempo;
  const byNeglect = state.block + blocksWithoutStepMax + 1 - state.blocksSinceLastStep;
  const pending = state.pendingEpochAt > 0 ? state.pendingEpochAt : Number.POSITIVE_INFINITY;
  return Math.max(soonest, Math.min(byTempo, byNeglect, pending));
}

/** The epoch that what `state.block` wrote belongs to. */
export function epochOfState(state: EpochState): number {
  return state.rule === "arithmetic" ? epochAt(state, state.block) : state.epochIndex;
}

/** The epoch that something written in the next block belongs to: a firing epoch counts from its own block on. */
export function epochOfNextBlock(state: EpochState): number {
  const next = state.block + 1;
  if (state.rule === "arithmetic") return epochAt(state, next);
  return state.epochIndex + (nextEpochBlock(state) === next ? 1 : 0);
}

/** The first block of an epoch that is not over; exact for the current and the next one, then one tempo each. */
export function epochStart(state: EpochState, epoch: number): Block {
  if (state.rule === "arithmetic") return firstBlock(state, epoch);
  const ahead = epoch - state.epochIndex;
  return ahead <= 0 ? state.lastEpochBlock : nextEpochBlock(state) + (ahead - 1) * state.tempo;
}

function epochAt({ netuid, tempo }: EpochState, block: Block): number {
  return Math.floor((block + netuid + 1) / (tempo + 1));
}

function firstBlock({ netuid, tempo }: EpochState, epoch: number): Block {
  return epoch * (tempo + 1) - (netuid + 1);
}
