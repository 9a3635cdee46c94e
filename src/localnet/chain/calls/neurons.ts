/** The columns of a subnet: what is kept for each uid, when a neuron is added and when it is replaced. */
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { State, StateView } from "../state.ts";
import type { Account } from "../types/substrate.ts";

/** A mechanism's rows of a subnet are stored under netuid + 4096 · mechanism. */
export const mechanismStride = 4096;
export const rootNetuid = 0;

export function indexOf(netuid: number, mechanism: number): number {
  return netuid + mechanismStride * mechanism;
}

/** Every storage index of a subnet: one for each mechanism. */
export function indicesOf(state: StateView, netuid: number): number[] {
  return Array.from({ length: state.get(storage.MechanismCountCurrent, netuid) }, (_, mechanism) =>
    indexOf(netuid, mechanism),
  );
}

export function subnetExists(state: StateView, netuid: number): boolean {
  return state.get(storage.NetworksAdded, netuid);
}

const columnsOfSubnet = {
  Active: true,
  Consensus: 0,
  Dividends: 0,
  Emission: 0n,
  ValidatorTrust: 0,
  ValidatorPermit: false,
} as const;

/** Adds a neuron under the next uid. */
export function appendNeuron(state: State, netuid: number, hotkey: Account, block: number): number {
  const uid = state.get(storage.SubnetworkN, netuid);
  state.set(storage.SubnetworkN, [netuid], uid + 1);
  state.update(storage.Active, [netuid], (column) => [...column, columnsOfSubnet.Active]);
  state.update(storage.ValidatorPermit, [netuid], (column) => [...column, columnsOfSubnet.ValidatorPermit]);
  state.update(storage.Emission, [netuid], (column) => [...column, columnsOfSubnet.Emission]);
  for (const column of [storage.Consensus, storage.Dividends, storage.ValidatorTrust]) {
    state.update(column, [netuid], (values) => [...values, 0]);
  }
  for (const index of indicesOf(state, netuid)) {
    state.update(storage.Incentive, [index], (column) => [...column, 0]);
    state.update(storage.LastUpdate, [index], (column) => [...column, BigInt(block)]);
  }
  seat(state, { netuid, uid, hotkey, block });
  return uid;
}

/** Gives the uid of a neuron to another hotkey; nothing of the old one's record stays. */
export function replaceNeuron(state: State, netuid: number, uid: number, hotkey: Account, block: number): void {
  const old = state.get(storage.Keys, netuid, uid);
  state.remove(storage.Uids, [netuid, old]);
  state.remove(storage.IsNetworkMember, [old, netuid]);
  state.remove(storage.Axons, [netuid, old]);
  state.remove(storage.Prometheus, [netuid, old]);
  const put = <T>(column: readonly T[], value: T) => column.map((each, at) => (at === uid ? value : each));
  state.update(storage.Active, [netuid], (column) => put(column, columnsOfSubnet.Active));
  state.update(storage.ValidatorPermit, [netuid], (column) => put(column, columnsOfSubnet.ValidatorPermit));
  state.update(storage.Emission, [netuid], (column) => put(column, columnsOfSubnet.Emission));
  for (const column of [storage.Consensus, storage.Dividends, storage.ValidatorTrust]) {
    state.update(column, [netuid], (values) => put(values, 0));
  }
  for (const index of indicesOf(state, netuid)) {
    state.update(storage.Incentive, [index], (column) => put(column, 0));
    state.update(storage.LastUpdate, [index], (column) => put(column, BigInt(block)));
    state.remove(storage.Weights, [index, uid]);
    state.remove(storage.Bonds, [index, uid]);
  }
  seat(state, { netuid, uid, hotkey, block });
}

interface Seat {
  readonly netuid: number;
  readonly uid: number;
  readonly hotkey: Account;
  readonly block: number;
}

function seat(state: State, { netuid, uid, hotkey, block }: Seat): void {
  state.set(storage.Keys, [netuid, uid], hotkey);
  state.set(storage.Uids, [netuid, hotkey], uid);
  state.set(storage.BlockAtRegistration, [netuid, uid], BigInt(block));
  state.set(storage.IsNetworkMember, [hotkey, netuid], true);
}
