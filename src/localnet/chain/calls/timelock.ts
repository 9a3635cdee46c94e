/** What is locked until a beacon's round: validators' weights and miners' commitments, and their opening. */
import { timelockDecrypt } from "../../../chain/timelock.ts";
import { commitmentsStorage } from "../pallets/commitments.ts";
import { drandStorage } from "../pallets/drand.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import { DispatchFailure, type Runtime } from "../runtime.ts";
import { MalformedBytes } from "../scale/bytes.ts";
import { bytes, decode, struct, u16, u64, type ValueOf, vec } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import type { Data } from "../types/commitment.ts";
import type { Account } from "../types/substrate.ts";
import { liveCommits } from "./commit-reveal.ts";
import { fires } from "./epoch-clock.ts";
import { indexOf, indicesOf, mechanismStride } from "./neurons.ts";
import { storeWeights } from "./weights.ts";

/** What a validator locks. The hotkey inside must be the committer's, so that nobody commits another's ciphertext. */
const payload = struct("WeightsTlockPayload", {
  hotkey: bytes,
  uids: vec(u16),
  values: vec(u16),
  version_key: u64,
});
const revealedKept = 10;

type Commits = ValueOf<(typeof storage.TimelockedWeightCommits)["type"]>;

/** Opens what is due of a subnet's weights: those of the epoch RevealPeriodEpochs ago whose round has been signed. */
export function revealWeights(runtime: Runtime, netuid: number): void {
  const { state, block } = runtime;
  const epoch = state.get(storage.SubnetEpochIndex, netuid) + (fires(state, netuid, block) ? 1n : 0n);
  const period = state.get(storage.RevealPeriodEpochs, netuid);
  if (epoch < period) return;
  for (const [mechanism, index] of indicesOf(state, netuid).entries()) {
    // Those of the epoch before did not open in time and never will.
    if (epoch > period) forget(runtime, index, epoch - period - 1n);
    const commits = state.get(storage.TimelockedWeightCommits, index, epoch - period);
    if (commits.length === 0) continue;
    const waiting = commits.filter((commit) => !open(runtime, netuid, mechanism, commit));
    if (waiting.length === commits.length) continue;
    if (waiting.length === 0) state.remove(storage.TimelockedWeightCommits, [index, epoch - period]);
    else state.set(storage.TimelockedWeightCommits, [index, epoch - period], waiting);
  }
}

function forget({ state }: Runtime, index: number, epoch: bigint): void {
  if (state.get(storage.TimelockedWeightCommits, index, epoch).length > 0) {
    state.remove(storage.TimelockedWeightCommits, [index, epoch]);
  }
}

/** False while the round has not been signed. What cannot be opened or stored is dropped, as the runtime does. */
function open(
  runtime: Runtime,
  netuid: number,
  mechanism: number,
  [who, , ciphertext, round]: Commits[number],
): boolean {
  const { state, deposit } = runtime;
  const pulse = state.get(drandStorage.Pulses, round);
  if (pulse === undefined) return false;
  const opened = timelockDecrypt(ciphertext, pulse.signature);
  if (!(opened instanceof Uint8Array)) return true;
  const mark = state.mark();
  try {
    const { hotkey, uids, values, version_key: versionKey } = decode(payload, opened);
    if (`0x${hotkey.toHex()}` !== who) return true;
    storeWeights(runtime, who, { netuid, mechanism, uids, values, versionKey }, { revealed: true });
  } catch (error) {
    if (!(error instanceof MalformedBytes || error instanceof DispatchFailure)) throw error;
    state.rollback(mark);
    return true;
  }
  const value = [indexOf(netuid, mechanism), who] as const;
  deposit({ type: "SubtensorModule", value: { type: "TimelockedWeightsRevealed", value } });
  return true;
}

/** Opens every commitment whose round has been signed: its text moves to the last ten revealed ones. */
export function revealCommitments(runtime: Runtime): void {
  const { state, block, deposit } = runtime;
  const still: (readonly [number, Account])[] = [];
  const index = state.get(commitmentsStorage.TimelockedIndex);
  for (const [netuid, who] of index) {
    const registration = state.get(commitmentsStorage.CommitmentOf, netuid, who);
    if (registration === undefined) continue;
    const kept: Data[] = [];
    for (const field of registration.info.fields) {
      const signature =
        field.type === "TimelockEncrypted" ? state.get(drandStorage.Pulses, field.revealRound)?.signature : undefined;
      if (field.type !== "TimelockEncrypted" || signature === undefined) {
        kept.push(field);
        continue;
      }
      const opened = timelockDecrypt(field.encrypted, signature);
      if (!(opened instanceof Uint8Array)) continue;
      const before = state.get(commitmentsStorage.RevealedCommitments, netuid, who) ?? [];
      const revealed = [...before, [opened, BigInt(block)] as const].slice(-revealedKept);
      state.set(commitmentsStorage.RevealedCommitments, [netuid, who], revealed);
      deposit({ type: "Commitments", value: { type: "CommitmentRevealed", value: { netuid, who } } });
    }
    if (kept.some((field) => field.type === "TimelockEncrypted")) still.push([netuid, who]);
    if (kept.length === registration.info.fields.length) continue;
    if (kept.length === 0) state.remove(commitmentsStorage.CommitmentOf, [netuid, who]);
    else state.set(commitmentsStorage.CommitmentOf, [netuid, who], { ...registration, info: { fields: kept } });
  }
  if (still.length !== index.length) state.set(commitmentsStorage.TimelockedIndex, [], still);
}

/** The rounds that something locked waits for. */
export function wantedRounds(state: StateView, netuids: readonly number[]): Set<bigint> {
  const rounds = new Set<bigint>();
  for (const netuid of netuids) {
    for (const index of indicesOf(state, netuid)) {
      for (const [, , , round] of liveTimelocked(state, index)) rounds.add(round);
    }
  }
  for (const [netuid, who] of state.get(commitmentsStorage.TimelockedIndex)) {
    for (const field of state.get(commitmentsStorage.CommitmentOf, netuid, who)?.info.fields ?? []) {
      if (field.type === "TimelockEncrypted") rounds.add(field.revealRound);
    }
  }
  return rounds;
}

/** The block of a hotkey's earliest commit that is neither revealed nor expired. */
export function earliestCommitBlock(
  state: StateView,
  index: number,
  hotkey: Account,
  block: number,
): number | undefined {
  const hashed = liveCommits(state, index, hotkey, block).map(([, at]) => Number(at));
  const locked = liveTimelocked(state, index).flatMap(([who, at]) => (who === hotkey ? [Number(at)] : []));
  const blocks = [...hashed, ...locked];
  return blocks.length === 0 ? undefined : Math.min(...blocks);
}

/** The timelocked commits that have not been opened yet: those of this epoch and the ones that it may still reveal. */
function liveTimelocked(state: StateView, index: number): Commits {
  const netuid = index % mechanismStride;
  const current = state.get(storage.SubnetEpochIndex, netuid);
  const period = state.get(storage.RevealPeriodEpochs, netuid);
  const live: Commits[number][] = [];
  for (let epoch = current > period ? current - period : 0n; epoch <= current; epoch++) {
    live.push(...state.get(storage.TimelockedWeightCommits, index, epoch));
  }
  return live;
}
