/** Commitments: what a hotkey says in public, within a budget of bytes for each epoch of the subnet. */
import { type CommitmentsCall, commitmentsStorage as storage } from "../pallets/commitments.ts";
import { commitmentsFailure } from "../pallets/failures.ts";
import { subtensorStorage } from "../pallets/subtensor-storage.ts";
import type { Runtime } from "../runtime.ts";
import { sizeBytesOf } from "../types/commitment.ts";
import type { Account } from "../types/substrate.ts";

/** A commitment costs at least this much of the budget. */
const costBytesMin = 100;

export function setCommitment(runtime: Runtime, who: Account, { netuid, info }: CommitmentsCall["value"]): void {
  const { state, block } = runtime;
  if (state.get(subtensorStorage.Uids, netuid, who) === undefined) throw commitmentsFailure("AccountNotAllowedCommit");
  spend(
    runtime,
    netuid,
    who,
    info.fields.reduce((total, field) => total + sizeBytesOf(field), 0),
  );
  state.set(storage.CommitmentOf, [netuid, who], { deposit: 0n, block, info });
  state.set(storage.LastCommitment, [netuid, who], block);
  if (info.fields.some((field) => field.type === "ResetBondsFlag")) {
    state.set(storage.LastBondsReset, [netuid, who], block);
    resetBonds(runtime, netuid, who);
  }
  const locked = info.fields.find((field) => field.type === "TimelockEncrypted");
  indexLocked(runtime, netuid, who, locked !== undefined);
  runtime.deposit({
    type: "Commitments",
    value:
      locked === undefined
        ? { type: "Commitment", value: { netuid, who } }
        : { type: "TimelockCommitment", value: { netuid, who, reveal_round: locked.revealRound } },
  });
}

function indexLocked({ state }: Runtime, netuid: number, who: Account, locked: boolean): void {
  const before = state.get(storage.TimelockedIndex);
  const others = before.filter(([each, account]) => each !== netuid || account !== who);
  if (!locked && others.length === before.length) return;
  state.set(storage.TimelockedIndex, [], locked ? [...others, [netuid, who] as const] : others);
}

function spend({ state }: Runtime, netuid: number, who: Account, sizeBytes: number): void {
  const epoch = state.get(subtensorStorage.SubnetEpochIndex, netuid);
  const usage = state.get(storage.UsedSpaceOf, netuid, who);
  const used = usage?.last_epoch === epoch ? usage.used_space : 0n;
  const after = used + BigInt(Math.max(costBytesMin, sizeBytes));
  if (after > BigInt(state.get(storage.MaxSpace))) throw commitmentsFailure("SpaceLimitExceeded");
  state.set(storage.UsedSpaceOf, [netuid, who], { last_epoch: epoch, used_space: after });
}

/** A miner that says it starts anew gives up the bonds that validators have built with it, where the subnet allows. */
function resetBonds({ state }: Runtime, netuid: number, who: Account): void {
  if (!state.get(subtensorStorage.BondsResetOn, netuid)) return;
  const uid = state.get(subtensorStorage.Uids, netuid, who);
  for (const [validator, row] of state.entries(subtensorStorage.Bonds, netuid)) {
    state.set(
      subtensorStorage.Bonds,
      [netuid, validator],
      row.filter(([to]) => to !== uid),
    );
  }
}
