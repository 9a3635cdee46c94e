/** Setting weights: the runtime's checks in the runtime's order, and how a row is stored. */
import { subtensorFailure } from "../pallets/failures.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { Runtime } from "../runtime.ts";
import type { StateView } from "../state.ts";
import type { Account } from "../types/substrate.ts";
import { indexOf, rootNetuid, subnetExists } from "./neurons.ts";
import { stakeWeight } from "./stake.ts";

export interface WeightsCall {
  readonly netuid: number;
  readonly mechanism: number;
  readonly uids: readonly number[];
  readonly values: readonly number[];
  readonly versionKey: bigint;
}

/** `set_weights` and `set_mechanism_weights`: refused where the subnet wants commits. */
export function setWeights(runtime: Runtime, hotkey: Account, call: WeightsCall): void {
  if (runtime.state.get(storage.CommitRevealWeightsEnabled, call.netuid)) throw subtensorFailure("CommitRevealEnabled");
  storeWeights(runtime, hotkey, call, { revealed: false });
}

/**
 * Checks and stores a row. A revealed one was rate-limited when it was committed, and its neuron counts as updated
 * since then, so neither is done again.
 */
export function storeWeights(
  runtime: Runtime,
  hotkey: Account,
  call: WeightsCall,
  { revealed }: { revealed: boolean },
): void {
  const { state, block } = runtime;
  const { netuid, mechanism, uids, values } = call;
  if (netuid === rootNetuid) throw subtensorFailure("CanNotSetRootNetworkWeights");
  if (uids.length !== values.length) throw subtensorFailure("WeightVecNotEqualSize");
  checkMechanism(state, netuid, mechanism);
  const count = state.get(storage.SubnetworkN, netuid);
  if (uids.length > count) throw subtensorFailure("UidsLengthExceedUidsInSubNet");
  const uid = uidOf(state, netuid, hotkey);
  checkStake(state, netuid, hotkey);
  checkVersion(state, netuid, call.versionKey);
  const index = indexOf(netuid, mechanism);
  if (!revealed && !mayUpdate(state, netuid, index, uid, block)) throw subtensorFailure("SettingWeightsTooFast");
  checkPermit(state, hotkey, uid, call);
  checkUids(uids, count);
  checkValues(state, uid, call, count);
  const row = upscale(values).map((value, at) => [uids[at]!, value] as const);
  state.set(storage.Weights, [index, uid], row);
  if (!revealed) touch(runtime, index, uid);
  runtime.deposit({ type: "SubtensorModule", value: { type: "WeightsSet", value: [index, uid] } });
}

/** Records that a neuron has updated its weights in this block. */
export function touch({ state, block }: Runtime, index: number, uid: number): void {
  state.update(storage.LastUpdate, [index], (column) => column.map((each, at) => (at === uid ? BigInt(block) : each)));
}

/** Whether the rate limit lets a neuron update: it never did, or long enough ago. */
export function mayUpdate(state: StateView, netuid: number, index: number, uid: number, block: number): boolean {
  const last = state.get(storage.LastUpdate, index)[uid] ?? 0n;
  return last === 0n || BigInt(block) - last >= state.get(storage.WeightsSetRateLimit, netuid);
}

export function checkMechanism(state: StateView, netuid: number, mechanism: number): void {
  const exists = subnetExists(state, netuid) && mechanism < state.get(storage.MechanismCountCurrent, netuid);
  if (!exists) throw subtensorFailure("MechanismDoesNotExist");
}

export function uidOf(state: StateView, netuid: number, hotkey: Account): number {
  const uid = state.get(storage.Uids, netuid, hotkey);
  if (uid === undefined) throw subtensorFailure("HotKeyNotRegisteredInSubNet");
  return uid;
}

/** The stake that weights ask for; the subnet's owner needs none. */
export function hasWeightsStake(state: StateView, netuid: number, hotkey: Account): boolean {
  const enough = stakeWeight(state, hotkey, netuid).totalRao >= state.get(storage.StakeThreshold);
  return enough || state.get(storage.SubnetOwnerHotkey, netuid) === hotkey;
}

export function checkStake(state: StateView, netuid: number, hotkey: Account): void {
  if (!hasWeightsStake(state, netuid, hotkey)) throw subtensorFailure("NotEnoughStakeToSetWeights");
}

function checkVersion(state: StateView, netuid: number, versionKey: bigint): void {
  const wanted = state.get(storage.WeightsVersionKey, netuid);
  if (wanted !== 0n && versionKey < wanted) throw subtensorFailure("IncorrectWeightVersionKey");
}

function checkPermit(state: StateView, hotkey: Account, uid: number, { netuid, uids }: WeightsCall): void {
  const permitted = state.get(storage.ValidatorPermit, netuid)[uid] === true;
  const owner = state.get(storage.SubnetOwnerHotkey, netuid) === hotkey;
  if (!permitted && !owner && !isSelfWeight(uid, uids)) throw subtensorFailure("NeuronNoValidatorPermit");
}

function isSelfWeight(uid: number, uids: readonly number[]): boolean {
  return uids.length === 1 && uids[0] === uid;
}

function checkUids(uids: readonly number[], count: number): void {
  if (new Set(uids).size !== uids.length) throw subtensorFailure("DuplicateUids");
  if (uids.some((uid) => uid >= count)) throw subtensorFailure("UidVecContainInvalidOne");
}

function checkValues(state: StateView, uid: number, { netuid, uids, values }: WeightsCall, count: number): void {
  if (isSelfWeight(uid, uids)) return;
  if (uids.length < Math.min(state.get(storage.MinAllowedWeights, netuid), count)) {
    throw subtensorFailure("WeightVecLengthIsLow");
  }
  const limit = state.get(storage.MaxWeightsLimit, netuid);
  const sum = values.reduce((total, value) => total + value, 0);
  if (limit < 65_535 && Math.max(0, ...values) * 65_535 > limit * sum) throw subtensorFailure("MaxWeightExceeded");
}

/** The largest value becomes 65535; a row of zeros stays. */
function upscale(values: readonly number[]): number[] {
  const max = Math.max(0, ...values);
  return values.map((value) => (max === 0 ? 0 : Math.round((value * 65_535) / max)));
}
