/**
 * The chain's own drand beacon: a BLS key made with the chain signs a round a second or so. Since the key is ours, any
 * past round can be signed when it is needed; what clients lock for the public beacon stays locked here for ever.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { beaconPublicKey, beaconSecretKey, signRound } from "../../chain/timelock.ts";
import { drandStorage } from "./pallets/drand.ts";
import type { Runtime } from "./runtime.ts";
import type { State } from "./state.ts";

/** Pulses that are kept; a lock for an older round was opened long ago or never will be. */
const pulsesKept = 1024n;
const name = (text: string) => new TextEncoder().encode(text);

export class LocalBeacon {
  private readonly secretKey: bigint;

  constructor(seed: Uint8Array) {
    this.secretKey = beaconSecretKey(seed);
  }

  /** Tells clients which key to lock for and when rounds come: about as many to a block as the public beacon has. */
  configure(state: State, options: { readonly genesisMs: number; readonly blockMs: number }): void {
    state.set(drandStorage.BeaconConfig, [], {
      public_key: beaconPublicKey(this.secretKey),
      period: Math.max(1, Math.round(options.blockMs / 4000)),
      genesis_time: Math.floor(options.genesisMs / 1000),
      hash: name("finetune-local"),
      group_hash: name("finetune-local"),
      scheme_id: name("bls-unchained-g1-rfc9380"),
      metadata: { beacon_id: name("finetune-local") },
    });
  }

  /** Stores the round of the block's time, and the rounds that something locked has been waiting for. */
  pulse(runtime: Runtime, wanted: Iterable<bigint>): void {
    const { state, nowMs } = runtime;
    const { period, genesis_time } = state.get(drandStorage.BeaconConfig);
    const current = BigInt(Math.max(0, Math.floor((nowMs / 1000 - genesis_time) / period) + 1));
    const last = state.get(drandStorage.LastStoredRound);
    const due = new Set([...wanted].filter((round) => round > 0n && round <= current));
    if (current > last) due.add(current);
    const rounds = [...due].filter((round) => state.get(drandStorage.Pulses, round) === undefined).sort(ascending);
    if (rounds.length === 0) return;
    for (const round of rounds) this.store(state, round);
    if (current > last) state.set(drandStorage.LastStoredRound, [], current);
    forgetOld(state, current);
    runtime.deposit({ type: "Drand", value: { type: "NewPulse", value: { rounds } } });
  }

  private store(state: State, round: bigint): void {
    const signature = signRound(round, this.secretKey);
    state.set(drandStorage.Pulses, [round], { round, randomness: sha256(signature), signature });
  }
}

function forgetOld(state: State, current: bigint): void {
  const oldest = state.get(drandStorage.OldestStoredRound);
  const keep = current > pulsesKept ? current - pulsesKept : 0n;
  if (keep <= oldest) return;
  // After a long sleep there is a gap of rounds that were never stored: walking it would take for ever.
  const from = keep - oldest > 2n * pulsesKept ? keep - 2n * pulsesKept : oldest;
  for (let round = from; round < keep; round++) {
    if (state.get(drandStorage.Pulses, round) !== undefined) state.remove(drandStorage.Pulses, [round]);
  }
  state.set(drandStorage.OldestStoredRound, [], keep);
}

function ascending(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
