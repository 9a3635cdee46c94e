/** A chain without a socket or a clock, driven block by block. */
import { cryptoWaitReady } from "@polkadot/util-crypto";
import type { Keypair } from "../../chain/keypair.ts";
import { apis } from "./apis/index.ts";
import type { BuiltBlock } from "./block.ts";
import { Chain, type ChainOptions, type Fate } from "./chain.ts";
import { accountOf, keypair, type Signer, type Signing, signed } from "./extrinsic.fixture.ts";
import { hashOf } from "./extrinsic.ts";
import { newSubnet, type SubnetParameters } from "./genesis.ts";
import { type EventRecord, eventsStorage, type RuntimeCall, runtimeError } from "./pallets/index.ts";
import { ScaleReader } from "./scale/bytes.ts";
import type { StateView } from "./state.ts";

await cryptoWaitReady();

export const netuid = 1;
export const alice = keypair("//Alice");
export const owner = { coldkey: keypair("//Owner"), hotkey: keypair("//Owner//hotkey") };

export interface Given {
  /** Stake of the validators of the first block in TAO; their keys are //V0, //V0//hotkey and so on. */
  readonly stakesTao?: readonly number[];
  readonly parameters?: Partial<SubnetParameters>;
  readonly options?: Partial<ChainOptions>;
}

export class TestChain {
  readonly chain: Chain;
  nowMs = 1_800_000_000_000;

  constructor({ stakesTao = [1000], parameters = {}, options = {} }: Given = {}) {
    this.chain = new Chain({
      folder: undefined,
      blockMs: 250,
      historyBlocks: 100,
      finalityLagBlocks: 0,
      apis,
      genesis: {
        netuid,
        subnetName: "test",
        owner: { coldkey: accountOf(owner.coldkey), hotkey: accountOf(owner.hotkey) },
        balances: [{ account: accountOf(alice), rao: 1_000_000_000_000_000n }],
        neurons: stakesTao.map((tao, index) => ({
          coldkey: accountOf(keypair(`//V${index}`)),
          hotkey: accountOf(validator(index)),
          stakeRao: BigInt(tao) * 1_000_000_000n,
        })),
        parameters: { ...newSubnet, weightsRateLimitBlocks: 0, ...parameters },
      },
      ...options,
    });
  }

  get state(): StateView {
    const found = this.chain.stateAt(null);
    if (found === undefined || found === "discarded") throw new Error("the head has a state");
    return found.state;
  }

  block(): BuiltBlock {
    this.nowMs += 250;
    return this.chain.produce(this.nowMs);
  }

  blocks(count: number): void {
    for (let built = 0; built < count; built++) this.block();
  }

  sign(signer: Signer, call: RuntimeCall, signing: Signing = {}): Uint8Array {
    const nonce = signing.nonce ?? this.chain.nextNonce(accountOf(signer));
    return signed(this.chain, signer, call, { ...signing, nonce });
  }

  submit(signer: Signer, call: RuntimeCall, signing: Signing = {}) {
    return this.chain.submit(this.sign(signer, call, signing));
  }

  /** Submits and builds a block. Returns "ok", the name of the dispatch error, or what the pool said. */
  run(signer: Signer, call: RuntimeCall, signing: Signing = {}): string {
    const submitted = this.submit(signer, call, signing);
    if ("code" in submitted) return submitted.data;
    let fate: Fate | undefined;
    const end = this.chain.follow(submitted.extrinsic.hash, (told) => (fate ??= told));
    this.block();
    end();
    return fate?.type === "inBlock" ? this.outcome(submitted.extrinsic.hash) : (fate?.type ?? "waiting");
  }

  events(): readonly EventRecord[] {
    return this.state.get(eventsStorage.Events);
  }

  /** What became of an extrinsic of the newest block. */
  outcome(hash: string): string {
    const index = this.chain.body(this.chain.head.hash)!.findIndex((bytes) => hashOf(bytes) === hash);
    for (const { phase, event } of this.events()) {
      if (phase.type !== "ApplyExtrinsic" || phase.value !== index || event.type !== "System") continue;
      if (event.value.type === "ExtrinsicSuccess") return "ok";
      if (event.value.type === "ExtrinsicFailed") return errorName(event.value.value.dispatch_error);
    }
    return "no outcome";
  }
}

export function validator(index: number): Keypair {
  return keypair(`//V${index}//hotkey`);
}

export function register(hotkey: Keypair): RuntimeCall {
  return { type: "SubtensorModule", value: { type: "burned_register", value: { netuid, hotkey: accountOf(hotkey) } } };
}

/** set_weights of (uid, value) pairs. */
export function weights(row: readonly (readonly [number, number])[], versionKey = 0n): RuntimeCall {
  const dests = row.map(([uid]) => uid);
  const values = row.map(([, value]) => value);
  return {
    type: "SubtensorModule",
    value: { type: "set_weights", value: { netuid, dests, weights: values, version_key: versionKey } },
  };
}

function errorName(error: { readonly type: string; readonly value: unknown }): string {
  if (error.type !== "Module") return error.type;
  const { index, error: code } = error.value as { index: number; error: string };
  const decoded = runtimeError.decode(new ScaleReader(Uint8Array.of(index, Number.parseInt(code.slice(2, 4), 16))));
  return decoded.value.type;
}
