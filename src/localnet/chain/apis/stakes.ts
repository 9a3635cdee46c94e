/** Stakes and delegates, as StakeInfoRuntimeApi and DelegateInfoRuntimeApi answer them. */
import { stakeRao } from "../calls/stake.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { ValueOf } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import type { delegateInfo, stakeInfo } from "../types/subnet.ts";
import { type Account, zeroAccount } from "../types/substrate.ts";
import { netuidsOf } from "./subnets.ts";

type StakeInfo = ValueOf<typeof stakeInfo>;

export function stakeOf(state: StateView, hotkey: Account, coldkey: Account, netuid: number): StakeInfo {
  return {
    hotkey,
    coldkey,
    netuid,
    stake: stakeRao(state, hotkey, coldkey, netuid),
    locked: 0n,
    emission: 0n,
    tao_emission: 0n,
    drain: 0n,
    is_registered: state.get(storage.Uids, netuid, hotkey) !== undefined,
  };
}

export function stakesOf(state: StateView, coldkey: Account): StakeInfo[] {
  return state
    .get(storage.StakingHotkeys, coldkey)
    .flatMap((hotkey) => netuidsOf(state).map((netuid) => stakeOf(state, hotkey, coldkey, netuid)))
    .filter(({ stake }) => stake > 0n);
}

export function delegateOf(state: StateView, hotkey: Account): ValueOf<typeof delegateInfo> | null {
  const owner = state.get(storage.Owner, hotkey);
  if (owner === zeroAccount) return null;
  const registrations = netuidsOf(state).filter((netuid) => state.get(storage.Uids, netuid, hotkey) !== undefined);
  const own = registrations.map((netuid) => [netuid, stakeRao(state, hotkey, owner, netuid)] as const);
  return {
    delegate_ss58: hotkey,
    take: state.get(storage.Delegates, hotkey),
    nominators: [[owner, own]],
    owner_ss58: owner,
    registrations,
    validator_permits: registrations.filter(
      (netuid) => state.get(storage.ValidatorPermit, netuid)[state.get(storage.Uids, netuid, hotkey)!],
    ),
    return_per_1000: 0n,
    total_daily_return: 0n,
  };
}
