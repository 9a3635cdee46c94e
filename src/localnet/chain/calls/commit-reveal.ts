/**
 * Weights in two steps, so that nobody copies them in time. Either the validator commits a hash and reveals it later,
 * or it commits a ciphertext that the chain itself opens once the drand beacon has come to its round.
 */
import { blake2AsU8a } from "@polkadot/util-crypto";
import { drandStorage } from "../pallets/drand.ts";
import { subtensorFailure } from "../pallets/failures.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { Runtime } from "../runtime.ts";
import { encode, tuple, u16, u64, vec } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import { type Account, accountId } from "../types/substrate.ts";
import { indexOf, subnetExists } from "./neurons.ts";
import { checkMechanism, checkStake, mayUpdate, storeWeights, touch, uidOf, type WeightsCall } from "./weights.ts";

const unrevealedMax = 10;

export interface HashCommit {
  readonly netuid: number;
  readonly mechanism: number;
  readonly hash: string;
}

/** The blocks that a commit made now may be revealed in: the epoch RevealPeriodEpochs after this one. */
export function revealBlocks(state: StateView, netuid: number): readonly [first: bigint, last: bigint] {
  const tempo = BigInt(state.get(storage.Tempo, netuid));
  const first = state.get(storage.LastEpochBlock, netuid) + tempo * state.get(storage.RevealPeriodEpochs, netuid);
  return [first, first + tempo - 1n];
}

export function commitWeights(runtime: Runtime, hotkey: Account, { netuid, mechanism, hash }: HashCommit): void {
  const { state, block } = runtime;
  const { index, uid } = checkCommitter(runtime, hotkey, netuid, mechanism);
  const live = liveCommits(state, index, hotkey, block);
  if (live.length >= unrevealedMax) throw subtensorFailure("TooManyUnrevealedCommits");
  const commit = [hash, BigInt(block), ...revealBlocks(state, netuid)] as const;
  state.set(storage.WeightCommits, [index, hotkey], [...live, commit]);
  touch(runtime, index, uid);
  runtime.deposit({ type: "SubtensorModule", value: { type: "WeightsCommitted", value: [hotkey, index, hash] } });
}

export interface Reveal {
  readonly netuid: number;
  readonly mechanism: number;
  readonly uids: readonly number[];
  readonly values: readonly number[];
  readonly salt: readonly number[];
  readonly versionKey: bigint;
}

const list = vec(u16);
const preimage = tuple(accountId, u16, list, list, list, u64);

export function revealHash(hotkey: Account, index: number, { uids, values, salt, versionKey }: Reveal): string {
  return `0x${blake2AsU8a(encode(preimage, [hotkey, index, uids, values, salt, versionKey]), 256).toHex()}`;
}

export function revealWeights(runtime: Runtime, hotkey: Account, reveal: Reveal): void {
  const { state, block } = runtime;
  const { netuid, mechanism } = reveal;
  checkMechanism(state, netuid, mechanism);
  if (!state.get(storage.CommitRevealWeightsEnabled, netuid)) throw subtensorFailure("CommitRevealDisabled");
  const index = indexOf(netuid, mechanism);
  const commits = state.get(storage.WeightCommits, index, hotkey);
  if (commits === undefined || commits.length === 0) throw subtensorFailure("NoWeightsCommitFound");
  const hash = revealHash(hotkey, index, reveal);
  const live = liveCommits(state, index, hotkey, block);
  const at = live.findIndex(([each]) => each === hash);
  if (at < 0) {
    const expired = commits.some(([each]) => each === hash);
    throw subtensorFailure(expired ? "ExpiredWeightCommit" : "InvalidRevealCommitHashNotMatch");
  }
  if (BigInt(block) < live[at]![2]) throw subtensorFailure("RevealTooEarly");
  const call: WeightsCall = { ...reveal };
  storeWeights(runtime, hotkey, call, { revealed: true });
  // A reveal settles the commits before it too: they can no longer win over what it says.
  const rest = live.slice(at + 1);
  if (rest.length === 0) state.remove(storage.WeightCommits, [index, hotkey]);
  else state.set(storage.WeightCommits, [index, hotkey], rest);
  runtime.deposit({ type: "SubtensorModule", value: { type: "WeightsRevealed", value: [hotkey, index, hash] } });
}

/** The commits that may still be revealed. */
export function liveCommits(state: StateView, index: number, hotkey: Account, block: number) {
  return (state.get(storage.WeightCommits, index, hotkey) ?? []).filter(([, , , last]) => BigInt(block) <= last);
}

export interface TimelockedCommit {
  readonly netuid: number;
  readonly mechanism: number;
  readonly ciphertext: Uint8Array;
  readonly round: bigint;
  readonly version: number;
}

export function commitTimelocked(runtime: Runtime, hotkey: Account, commit: TimelockedCommit): void {
  const { state, block } = runtime;
  const { netuid, mechanism, ciphertext, round } = commit;
  if (commit.version !== state.get(storage.CommitRevealWeightsVersion)) {
    throw subtensorFailure("IncorrectCommitRevealVersion");
  }
  const { index, uid } = checkCommitter(runtime, hotkey, netuid, mechanism);
  if (round < state.get(drandStorage.LastStoredRound)) throw subtensorFailure("InvalidRevealRound");
  const epoch = state.get(storage.SubnetEpochIndex, netuid);
  const commits = state.get(storage.TimelockedWeightCommits, index, epoch);
  if (commits.filter(([who]) => who === hotkey).length >= unrevealedMax) {
    throw subtensorFailure("TooManyUnrevealedCommits");
  }
  const entry = [hotkey, BigInt(block), ciphertext, round] as const;
  state.set(storage.TimelockedWeightCommits, [index, epoch], [...commits, entry]);
  touch(runtime, index, uid);
  const hash = `0x${blake2AsU8a(ciphertext, 256).toHex()}`;
  const value = [hotkey, index, hash, round] as const;
  runtime.deposit({ type: "SubtensorModule", value: { type: "TimelockedWeightsCommitted", value } });
}

function checkCommitter({ state, block }: Runtime, hotkey: Account, netuid: number, mechanism: number) {
  if (!subnetExists(state, netuid)) throw subtensorFailure("MechanismDoesNotExist");
  checkMechanism(state, netuid, mechanism);
  if (!state.get(storage.CommitRevealWeightsEnabled, netuid)) throw subtensorFailure("CommitRevealDisabled");
  const uid = uidOf(state, netuid, hotkey);
  checkStake(state, netuid, hotkey);
  const index = indexOf(netuid, mechanism);
  if (!mayUpdate(state, netuid, index, uid, block)) throw subtensorFailure("CommittingWeightsTooFast");
  return { index, uid };
}
