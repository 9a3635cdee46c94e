/** When a subnet's epoch fires: the stateful rule of runtime 423 and later. */
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { StateView } from "../state.ts";

/** An epoch fires at the latest after this many blocks, whatever the tempo says. */
const blocksSinceLastStepMax = 50_400n;

/** Whether the epoch of a subnet fires in `block`, by the state before it. */
export function fires(state: StateView, netuid: number, block: number): boolean {
  const tempo = state.get(storage.Tempo, netuid);
  if (tempo === 0) return false;
  const pending = state.get(storage.PendingEpochAt, netuid);
  if (pending > 0n && BigInt(block) >= pending) return true;
  if (state.get(storage.BlocksSinceLastStep, netuid) > blocksSinceLastStepMax) return true;
  return BigInt(block) - state.get(storage.LastEpochBlock, netuid) >= BigInt(tempo);
}

/** The block that the next epoch fires in, seen from after `block`; undefined for a subnet without a tempo. */
export function nextEpochBlock(state: StateView, netuid: number, block: number): number | undefined {
  const tempo = state.get(storage.Tempo, netuid);
  if (tempo === 0) return undefined;
  const byTempo = Number(state.get(storage.LastEpochBlock, netuid)) + tempo;
  const pending = Number(state.get(storage.PendingEpochAt, netuid));
  const next = pending > 0 ? Math.min(byTempo, pending) : byTempo;
  return Math.max(next, block);
}
