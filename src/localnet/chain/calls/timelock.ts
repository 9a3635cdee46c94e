/** What is locked until a beacon's round: validators' weights and miners' commitments. */
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { State } from "../state.ts";
import type { Account } from "../types/substrate.ts";
import { liveCommits } from "./commit-reveal.ts";

/** The block of a hotkey's earliest commit that is neither revealed nor expired. */
export function earliestCommitBlock(
  state: State,
  netuid: number,
  index: number,
  hotkey: Account,
  block: number,
): number | undefined {
  const hashed = liveCommits(state, index, hotkey, block).map(([, at]) => Number(at));
  const locked = liveTimelocked(state, netuid, index).flatMap(([who, at]) => (who === hotkey ? [Number(at)] : []));
  const blocks = [...hashed, ...locked];
  return blocks.length === 0 ? undefined : Math.min(...blocks);
}

/** The timelocked commits that have not been opened yet: those of this epoch and the ones that it may still reveal. */
function liveTimelocked(state: State, netuid: number, index: number) {
  const current = state.get(storage.SubnetEpochIndex, netuid);
  const period = state.get(storage.RevealPeriodEpochs, netuid);
  const first = current > period ? current - period : 0n;
  const live = [];
  for (let epoch = first; epoch <= current + 1n; epoch++)
    live.push(...state.get(storage.TimelockedWeightCommits, index, epoch));
  return live;
}
