/** What the pool refuses of weights, before any block: the codes n of `Invalid::Custom(n)`. */

import { drandStorage } from "../pallets/drand.ts";
import type { RuntimeCall } from "../pallets/index.ts";
import type { SubtensorCall } from "../pallets/subtensor-calls.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { StateView } from "../state.ts";
import type { Account } from "../types/substrate.ts";
import { revealHash } from "./commit-reveal.ts";
import { indexOf } from "./neurons.ts";
import { hasWeightsStake } from "./weights.ts";

const rejected = { stakeTooLow: 1, badRound: 15, noCommit: 16, notInRevealRange: 17 } as const;

export function precheckWeights(state: StateView, who: Account, call: RuntimeCall, block: number): number | undefined {
  if (call.type !== "SubtensorModule") return undefined;
  const { type, value } = call.value;
  switch (type) {
    case "set_weights":
    case "set_mechanism_weights":
    case "commit_weights":
    case "commit_mechanism_weights":
      return stakeCode(state, who, value.netuid);
    case "commit_timelocked_weights":
    case "commit_timelocked_mechanism_weights":
      if (value.reveal_round < state.get(drandStorage.LastStoredRound)) return rejected.badRound;
      return stakeCode(state, who, value.netuid);
    case "reveal_weights":
    case "reveal_mechanism_weights":
      return stakeCode(state, who, value.netuid) ?? revealCode(state, who, call.value, block);
    default:
      return undefined;
  }
}

function stakeCode(state: StateView, who: Account, netuid: number): number | undefined {
  return hasWeightsStake(state, netuid, who) ? undefined : rejected.stakeTooLow;
}

function revealCode(state: StateView, who: Account, call: SubtensorCall, block: number): number | undefined {
  if (call.type !== "reveal_weights" && call.type !== "reveal_mechanism_weights") return undefined;
  const { netuid, version_key: versionKey, ...rest } = call.value;
  const mechanism = call.type === "reveal_mechanism_weights" ? call.value.mecid : 0;
  const index = indexOf(netuid, mechanism);
  const hash = revealHash(who, index, { netuid, mechanism, versionKey, ...rest });
  const commit = state.get(storage.WeightCommits, index, who)?.find(([each]) => each === hash);
  if (commit === undefined) return rejected.noCommit;
  const [, , first, last] = commit;
  return BigInt(block) < first || BigInt(block) > last ? rejected.notInRevealRange : undefined;
}
