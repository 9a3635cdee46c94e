/** Builds one block: inherents, what every block does, the extrinsics, and the header over all of it. */
import { blake2AsU8a } from "@polkadot/util-crypto";
import type { LocalBeacon } from "./beacon.ts";
import { withdraw } from "./calls/accounts.ts";
import { coinbase } from "./coinbase.ts";
import { dispatch, feeRao, paysFee } from "./dispatch.ts";
import { encodeInherent, hashOf, type SignedExtrinsic } from "./extrinsic.ts";
import { auraStorage, type EventRecord, eventsStorage, type RuntimeEvent, timestampStorage } from "./pallets/index.ts";
import { blockHashCount, systemStorage } from "./pallets/system.ts";
import { DispatchFailure, type Runtime } from "./runtime.ts";
import { bytes, encode, vec } from "./scale/type.ts";
import type { Changes, State } from "./state.ts";
import { type Header, header, type Phase } from "./types/substrate.ts";

export const bodyType = vec(bytes);

export interface BuiltBlock {
  readonly number: number;
  readonly hash: string;
  readonly header: Header;
  readonly headerBytes: Uint8Array;
  /** With their length prefixes. */
  readonly extrinsics: readonly Uint8Array[];
  readonly changes: Changes;
}

export interface BlockOptions {
  readonly parent: { readonly number: number; readonly hash: string; readonly stateRoot: string };
  readonly nowMs: number;
  readonly slotDurationMs: number;
  /** The extrinsics, drawn one by one since each may depend on the state after the one before. */
  readonly extrinsics: Iterable<SignedExtrinsic>;
  readonly beacon: LocalBeacon;
}

export function buildBlock(state: State, options: BlockOptions): BuiltBlock {
  const { parent, nowMs } = options;
  const number = parent.number + 1;
  const events: EventRecord[] = [];
  let phase: Phase = { type: "Initialization", value: null };
  const deposit = (event: RuntimeEvent) => void events.push({ phase, event, topics: [] });
  const runtime: Runtime = { state, block: number, nowMs, deposit };
  const logs = beginBlock(runtime, options);
  coinbase(runtime, options.beacon);
  const extrinsics: Uint8Array[] = [];
  const apply = (encoded: Uint8Array, run: () => void) => {
    phase = { type: "ApplyExtrinsic", value: extrinsics.length };
    extrinsics.push(encoded);
    run();
  };
  const now = BigInt(nowMs);
  apply(encodeInherent({ type: "Timestamp", value: { type: "set", value: { now } } }), () => {
    state.set(timestampStorage.Now, [], now);
    deposit(success({ paysFee: false, mandatory: true }));
  });
  for (const extrinsic of options.extrinsics) apply(extrinsic.bytes, () => applySigned(runtime, extrinsic));
  state.set(eventsStorage.Events, [], events);
  state.set(systemStorage.EventCount, [], events.length);
  return sealBlock(state, options, { number, logs, extrinsics });
}

type Logs = Header["digest"]["logs"];

function beginBlock({ state, block }: Runtime, { parent, nowMs, slotDurationMs }: BlockOptions): Logs {
  const slot = BigInt(Math.floor(nowMs / slotDurationMs));
  const slotBytes = new Uint8Array(8);
  new DataView(slotBytes.buffer).setBigUint64(0, slot, true);
  const logs: Logs = [{ type: "PreRuntime", value: ["0x61757261", slotBytes] }];
  state.set(systemStorage.Number, [], block);
  state.set(systemStorage.ParentHash, [], parent.hash);
  state.set(systemStorage.BlockHash, [parent.number], parent.hash);
  if (block > blockHashCount) state.remove(systemStorage.BlockHash, [block - blockHashCount - 1]);
  state.set(systemStorage.Digest, [], { logs });
  state.set(auraStorage.CurrentSlot, [], slot);
  return logs;
}

/** Charges, counts the nonce, runs the call; a call that fails leaves only those two and its error. */
function applySigned(runtime: Runtime, { signer, call, nonce, tipRao, bytes: encoded }: SignedExtrinsic): void {
  const { state, deposit } = runtime;
  const fee = feeRao(call, encoded.length) + tipRao;
  withdraw(runtime, signer, fee);
  const info = state.get(systemStorage.Account, signer);
  state.set(systemStorage.Account, [signer], { ...info, nonce: nonce + 1 });
  const mark = state.mark();
  // Events of a call that fails are dropped with what it wrote.
  const raised: RuntimeEvent[] = [];
  let outcome: RuntimeEvent;
  try {
    dispatch({ ...runtime, deposit: (event) => void raised.push(event) }, signer, call);
    for (const event of raised) deposit(event);
    outcome = success({ paysFee: paysFee(call), mandatory: false });
  } catch (error) {
    if (!(error instanceof DispatchFailure)) throw error;
    state.rollback(mark);
    const dispatch_info = infoOf({ paysFee: paysFee(call), mandatory: false });
    outcome = {
      type: "System",
      value: { type: "ExtrinsicFailed", value: { dispatch_error: error.error, dispatch_info } },
    };
  }
  if (paysFee(call)) {
    const value = { who: signer, actual_fee: fee, tip: tipRao };
    deposit({ type: "TransactionPayment", value: { type: "TransactionFeePaid", value } });
  }
  deposit(outcome);
}

interface Class {
  readonly paysFee: boolean;
  readonly mandatory: boolean;
}

function success(of: Class): RuntimeEvent {
  return { type: "System", value: { type: "ExtrinsicSuccess", value: { dispatch_info: infoOf(of) } } };
}

/** Nothing here is measured in weight: a block takes what its time allows. */
function infoOf({ paysFee: pays, mandatory }: Class) {
  return {
    weight: { ref_time: 0n, proof_size: 0n },
    class: { type: mandatory ? "Mandatory" : "Normal", value: null },
    pays_fee: { type: pays ? "Yes" : "No", value: null },
  } as const;
}

interface Contents {
  readonly number: number;
  readonly logs: Logs;
  readonly extrinsics: readonly Uint8Array[];
}

function sealBlock(state: State, { parent }: BlockOptions, { number, logs, extrinsics }: Contents): BuiltBlock {
  const changes = state.commit();
  const sealed: Header = {
    parentHash: parent.hash,
    number,
    stateRoot: chainRoot(parent.stateRoot, changes),
    extrinsicsRoot: hashOf(encode(bodyType, extrinsics)),
    digest: { logs },
  };
  const headerBytes = encode(header, sealed);
  return { number, hash: hashOf(headerBytes), header: sealed, headerBytes, extrinsics, changes };
}

/**
 * Stands for the state's root: a hash over the one before and every change. It binds the state as a trie's root would,
 * but nothing can be proven with it, and nobody asks a development chain for proofs.
 */
export function chainRoot(before: string, changes: Changes): string {
  const parts: Uint8Array[] = [Uint8Array.fromHex(before.slice(2))];
  for (const key of [...changes.keys()].sort()) {
    parts.push(Uint8Array.fromHex(key), changes.get(key) ?? new Uint8Array());
  }
  return `0x${blake2AsU8a(Buffer.concat(parts), 256).toHex()}`;
}
