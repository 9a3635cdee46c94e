/** Which code runs for which call, what it costs, and what the pool refuses before any block. */
import { callBalances } from "./calls/accounts.ts";
import { commitTimelocked, commitWeights, revealWeights } from "./calls/commit-reveal.ts";
import { setCommitment } from "./calls/commitments.ts";
import { register } from "./calls/registration.ts";
import { serveAxon, servePrometheus } from "./calls/serving.ts";
import { callAddStake, callRemoveStake } from "./calls/stake.ts";
import { setWeights } from "./calls/weights.ts";
import { hashOf } from "./extrinsic.ts";
import type { RuntimeCall } from "./pallets/index.ts";
import type { SubtensorCall } from "./pallets/subtensor-calls.ts";
import { DispatchFailure, type Runtime } from "./runtime.ts";
import type { Account } from "./types/substrate.ts";

type CallOf<Pallet extends RuntimeCall["type"]> = Extract<RuntimeCall, { type: Pallet }>["value"];
type PalletHandlers = {
  readonly [P in RuntimeCall["type"]]: (runtime: Runtime, who: Account, call: CallOf<P>) => void;
};

/** Runs a signed call. Throws `DispatchFailure`; the caller undoes what was written. */
export function dispatch(runtime: Runtime, who: Account, call: RuntimeCall): void {
  (pallets[call.type] as (runtime: Runtime, who: Account, call: unknown) => void)(runtime, who, call.value);
}

const pallets: PalletHandlers = {
  System: ({ deposit }, sender, { type, value: { remark } }) => {
    if (type === "remark") return;
    deposit({ type: "System", value: { type: "Remarked", value: { sender, hash: hashOf(remark) } } });
  },
  Timestamp: () => {
    throw new DispatchFailure({ type: "BadOrigin", value: null }, "Timestamp.set is an inherent");
  },
  Balances: callBalances,
  SubtensorModule: callSubtensor,
  Commitments: (runtime, who, { value }) => setCommitment(runtime, who, value),
  // What the ciphertext holds is opened and run by the block's builder, as an extrinsic of its own.
  MevShield: ({ deposit }, who, { value: { ciphertext } }) =>
    deposit({ type: "MevShield", value: { type: "EncryptedSubmitted", value: { id: hashOf(ciphertext), who } } }),
};

type Handlers = {
  readonly [K in SubtensorCall["type"]]: (
    runtime: Runtime,
    who: Account,
    value: Extract<SubtensorCall, { type: K }>["value"],
  ) => void;
};

const subtensor: Handlers = {
  set_weights: (runtime, who, { netuid, dests, weights, version_key }) =>
    setWeights(runtime, who, { netuid, mechanism: 0, uids: dests, values: weights, versionKey: version_key }),
  set_mechanism_weights: (runtime, who, { netuid, mecid, dests, weights, version_key }) =>
    setWeights(runtime, who, { netuid, mechanism: mecid, uids: dests, values: weights, versionKey: version_key }),
  commit_weights: (runtime, who, { netuid, commit_hash }) =>
    commitWeights(runtime, who, { netuid, mechanism: 0, hash: commit_hash }),
  commit_mechanism_weights: (runtime, who, { netuid, mecid, commit_hash }) =>
    commitWeights(runtime, who, { netuid, mechanism: mecid, hash: commit_hash }),
  reveal_weights: (runtime, who, { netuid, version_key, ...rest }) =>
    revealWeights(runtime, who, { netuid, mechanism: 0, versionKey: version_key, ...rest }),
  reveal_mechanism_weights: (runtime, who, { netuid, mecid, version_key, ...rest }) =>
    revealWeights(runtime, who, { netuid, mechanism: mecid, versionKey: version_key, ...rest }),
  commit_timelocked_weights: (runtime, who, { netuid, commit, reveal_round, commit_reveal_version }) =>
    commitTimelocked(runtime, who, {
      netuid,
      mechanism: 0,
      ciphertext: commit,
      round: reveal_round,
      version: commit_reveal_version,
    }),
  commit_timelocked_mechanism_weights: (runtime, who, { netuid, mecid, commit, reveal_round, commit_reveal_version }) =>
    commitTimelocked(runtime, who, {
      netuid,
      mechanism: mecid,
      ciphertext: commit,
      round: reveal_round,
      version: commit_reveal_version,
    }),
  burned_register: register,
  register_limit: (runtime, who, { netuid, hotkey, limit_price }) =>
    register(runtime, who, { netuid, hotkey, limitRao: limit_price }),
  add_stake: callAddStake,
  remove_stake: callRemoveStake,
  serve_axon: serveAxon,
  serve_prometheus: servePrometheus,
};

function callSubtensor(runtime: Runtime, who: Account, call: SubtensorCall): void {
  (subtensor[call.type] as (runtime: Runtime, who: Account, value: unknown) => void)(runtime, who, call.value);
}

/** Calls of hotkeys cost nothing, so that a hotkey needs no balance. */
const free: ReadonlySet<SubtensorCall["type"]> = new Set([
  "set_weights",
  "set_mechanism_weights",
  "commit_weights",
  "commit_mechanism_weights",
  "reveal_weights",
  "reveal_mechanism_weights",
  "commit_timelocked_weights",
  "commit_timelocked_mechanism_weights",
  "serve_axon",
  "serve_prometheus",
]);

export function paysFee(call: RuntimeCall): boolean {
  if (call.type === "Commitments") return false;
  return call.type !== "SubtensorModule" || !free.has(call.value.type);
}

/** The fee of an extrinsic of this length, in rao: a flat part and one for its bytes, near what the real chain takes. */
export function feeRao(call: RuntimeCall, sizeBytes: number): bigint {
  return paysFee(call) ? 100_000n + 100n * BigInt(sizeBytes) : 0n;
}
