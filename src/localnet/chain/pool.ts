/** Extrinsics that wait for a block, and the checks that keep others out, with the codes that the real node answers. */
import { freeRao } from "./calls/accounts.ts";
import { precheckWeights } from "./calls/precheck.ts";
import { feeRao } from "./dispatch.ts";
import type { SignedExtrinsic } from "./extrinsic.ts";
import { existentialDepositRao } from "./pallets/balances.ts";
import { systemStorage } from "./pallets/system.ts";
import type { StateView } from "./state.ts";
import { type Account, eraBirth } from "./types/substrate.ts";

/** Why the pool does not take an extrinsic: a JSON-RPC error of the node. */
export interface Rejection {
  readonly code: number;
  readonly message: string;
  readonly data: string;
}

export function invalid(data: string): Rejection {
  return { code: 1010, message: "Invalid Transaction", data };
}

/** More waiting extrinsics than this are refused. */
const poolSizeMax = 8192;

interface Waiting {
  readonly extrinsic: SignedExtrinsic;
  /** The last block that its era lets it into. */
  readonly blockLast: number;
}

export class Pool {
  /** By account, then by nonce. */
  private readonly waiting = new Map<Account, Map<number, Waiting>>();
  private readonly hashes = new Set<string>();

  /** The nonce that an account should sign with next, counting what waits here without a gap. */
  nextNonce(state: StateView, account: Account): number {
    const own = this.waiting.get(account);
    let nonce = state.get(systemStorage.Account, account).nonce;
    while (own?.has(nonce)) nonce++;
    return nonce;
  }

  /** Takes an extrinsic whose signature and era are good at `head`, or says why not. */
  add(extrinsic: SignedExtrinsic, state: StateView, head: number): "ready" | "future" | Rejection {
    const { signer, nonce, hash } = extrinsic;
    if (this.hashes.has(hash)) return { code: 1013, message: "Transaction Already Imported", data: `"${hash}"` };
    if (this.hashes.size >= poolSizeMax)
      return { code: 1016, message: "Immediately Dropped", data: "the pool is full" };
    const stale = this.check(extrinsic, state, head + 1);
    if (stale !== undefined) return stale;
    const own = this.waiting.get(signer) ?? new Map<number, Waiting>();
    const rival = own.get(nonce)?.extrinsic;
    if (rival !== undefined && rival.tipRao >= extrinsic.tipRao) {
      return { code: 1014, message: "Priority is too low", data: "a transaction with this nonce is waiting already" };
    }
    if (rival !== undefined) this.hashes.delete(rival.hash);
    own.set(nonce, { extrinsic, blockLast: blockLast(extrinsic, head) });
    this.waiting.set(signer, own);
    this.hashes.add(hash);
    return nonce < this.nextNonce(state, signer) ? "ready" : "future";
  }

  /** Why an extrinsic cannot be run on this state, whether now or later. */
  check(
    { signer, nonce, call, bytes, tipRao }: SignedExtrinsic,
    state: StateView,
    block: number,
  ): Rejection | undefined {
    if (nonce < state.get(systemStorage.Account, signer).nonce) return invalid("Transaction is outdated");
    const fee = feeRao(call, bytes.length) + tipRao;
    if (fee > 0n && freeRao(state, signer) < fee + existentialDepositRao) {
      return invalid("Inability to pay some fees (e.g. account balance too low)");
    }
    const code = precheckWeights(state, signer, call, block);
    return code === undefined ? undefined : invalid(`Custom error: ${code}`);
  }

  /** The next extrinsic of each account whose nonce has come, until there are none; each is handed over once. */
  *ready(state: StateView): Generator<Waiting> {
    for (const [account, own] of [...this.waiting]) {
      for (const nonce of [...own.keys()].sort((left, right) => left - right)) {
        if (nonce > state.get(systemStorage.Account, account).nonce) break;
        const waiting = own.get(nonce)!;
        own.delete(nonce);
        this.hashes.delete(waiting.extrinsic.hash);
        yield waiting;
      }
      if (own.size === 0) this.waiting.delete(account);
    }
  }

  pending(): SignedExtrinsic[] {
    return [...this.waiting.values()].flatMap((own) => [...own.values()].map(({ extrinsic }) => extrinsic));
  }
}

function blockLast({ era }: SignedExtrinsic, head: number): number {
  return era.type === "Immortal" ? Number.POSITIVE_INFINITY : eraBirth(era, head) + era.period - 1;
}
