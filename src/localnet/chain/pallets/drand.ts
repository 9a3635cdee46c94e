/** Drand: the pulses of a randomness beacon, which open what was locked until their round. */

import { blake2, entry, optional, storageOf } from "../pallet.ts";
import { boundedBytes, struct, u32, u64, vec } from "../scale/type.ts";
import { named, single, variants } from "../scale/variant.ts";

const name = boundedBytes(32);
export const beaconConfiguration = struct("pallet_drand::types::BeaconConfiguration", {
  public_key: boundedBytes(96),
  period: u32,
  genesis_time: u32,
  hash: name,
  group_hash: name,
  scheme_id: name,
  metadata: struct("pallet_drand::types::Metadata", { beacon_id: name }),
});
export const pulse = struct("pallet_drand::types::Pulse", {
  round: u64,
  randomness: boundedBytes(32),
  signature: boundedBytes(144),
});

const noBytes = new Uint8Array();

export const drandStorage = storageOf("Drand", {
  BeaconConfig: entry([], beaconConfiguration, {
    public_key: noBytes,
    period: 0,
    genesis_time: 0,
    hash: noBytes,
    group_hash: noBytes,
    scheme_id: noBytes,
    metadata: { beacon_id: noBytes },
  }),
  Pulses: optional([blake2(u64)], pulse),
  LastStoredRound: entry([], u64, 0n),
  OldestStoredRound: entry([], u64, 0n),
});

export const drandEvents = variants("pallet_drand::pallet::Event", {
  NewPulse: named(1, { rounds: vec(u64) }),
  SetOldestStoredRound: single(2, u64),
});
