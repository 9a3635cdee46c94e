/**
 * Sends a call and finds out what became of it. An extrinsic is mortal: it is in a block of its era or it never will be,
 * so that reading the era's final blocks decides its fate for certain, whatever happens to connections meanwhile. Until
 * then only the same signed bytes are ever sent again, and their nonce lets them run once at most.
 */
import { FailureError, InterruptedError, messageOf } from "../base/errors.ts";
import type { Block, BlockHash, Head, Ss58 } from "../subnet.ts";
import { followHeads } from "./heads.ts";
import type { Link } from "./link.ts";
import type { Plain } from "./plain.ts";
import { poolRefusal, type Refusal, refusal } from "./refusals.ts";
import type { ChainEvent, Runtime, SignedExtrinsic, Signer } from "./runtime.ts";
import { Snapshot } from "./snapshot.ts";
import { LineError, RpcError } from "./socket.ts";

/** A signed extrinsic under way: enough to look up its fate later, in another process too. */
export interface Pending {
  readonly extrinsicHash: string;
  /** It can only be in a block after this one … */
  readonly sinceBlock: Block;
  /** … and up to this one. */
  readonly untilBlock: Block;
}

export type Submission =
  | {
      readonly kind: "finalised";
      readonly block: Block;
      readonly blockHash: BlockHash;
      readonly extrinsicHash: string;
      readonly events: readonly ChainEvent[];
    }
  /** It did not and will not take effect. `block` is where it failed, null when no block took it. */
  | ({ readonly kind: "refused"; readonly block: Block | null; readonly extrinsicHash: string | null } & Refusal)
  /** Nobody could be asked: look it up by `client.fate(pending)` before trying again. */
  | { readonly kind: "unknown"; readonly pending: Pending; readonly sentence: string };

export interface Call {
  readonly path: string;
  readonly args: (runtime: Runtime) => Readonly<Record<string, unknown>>;
  readonly signer: Signer;
  /** Called with the extrinsic's hash, and awaited, before it leaves: what it stores lets a restart look it up. */
  readonly onSigned?: (pending: Pending) => void | Promise<void>;
}

/** @returns a refusal that no extrinsic was spent on */
export function refusedBeforehand(error: string, docs?: string): Submission {
  return { kind: "refused", block: null, extrinsicHash: null, ...refusal(error, docs) };
}

export class Submitter {
  /** Per account: the end of the last signing, since two at once would take the same nonce. */
  readonly #turns = new Map<Ss58, Promise<unknown>>();

  constructor(readonly link: Link) {}

  /** Signs and sends a call, and waits for the final block that holds it. */
  async submit(call: Call): Promise<Submission> {
    const sent = await this.#inTurn(call.signer.ss58Address, () => this.#signAndSend(call));
    return "kind" in sent ? sent : await this.#follow(sent.pending, sent.extrinsic);
  }

  /** What became of an extrinsic, from the final blocks that may hold it. */
  fate(pending: Pending): Promise<Submission> {
    return this.#follow(pending, undefined);
  }

  async #inTurn<T>(account: Ss58, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(account) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => {});
    this.#turns.set(account, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(account) === settled) this.#turns.delete(account);
    }
  }

  async #signAndSend(
    call: Call,
  ): Promise<Submission | { readonly pending: Pending; readonly extrinsic: SignedExtrinsic }> {
    const { signAttempts, signAgainMs } = this.link.options.deadlines;
    for (let attempt = 1; ; attempt++) {
      const { extrinsic, pending } = await this.#sign(call);
      await call.onSigned?.(pending);
      const refused = await this.#send(extrinsic, pending);
      if (refused === undefined) return { pending, extrinsic };
      // Another process took the nonce, or the era passed on the way: what was refused cannot run any more.
      const again = refused.error === "Stale" || refused.error === "AncientBirthBlock" || refused.error === "Future";
      if (!again || attempt === signAttempts)
        return { kind: "refused", block: null, extrinsicHash: extrinsic.hash, ...refused };
      await new Promise((resolve) => setTimeout(resolve, signAgainMs * attempt));
    }
  }

  async #sign(call: Call): Promise<{ readonly extrinsic: SignedExtrinsic; readonly pending: Pending }> {
    const { link } = this;
    const { callRuntime } = await Snapshot.at(link);
    const nonce = Number(await link.read("system_accountNextIndex", [call.signer.ss58Address]));
    const birth = this.#birth();
    const eraBlocks = link.options.deadlines.eraBlocks;
    const unsigned = callRuntime.extrinsic(call.path, call.args(callRuntime));
    const extrinsic = callRuntime.sign(unsigned, call.signer, {
      nonce,
      genesisHash: link.genesisHash,
      birth,
      eraBlocks,
    });
    const pending = { extrinsicHash: extrinsic.hash, sinceBlock: birth.number, untilBlock: birth.number + eraBlocks };
    return { extrinsic, pending };
  }

  /** The era begins at a final block, which no reorganisation takes away; unless finality lags by most of an era. */
  #birth(): Head {
    const [best, final] = [this.link.latest("best"), this.link.latest("finalised")];
    return best.number - final.number > this.link.options.deadlines.eraBlocks / 2 ? best : final;
  }

  /** Undefined when the pool took it, or may have. The same bytes are sent again after a lost connection. */
  async #send(extrinsic: SignedExtrinsic, pending: Pending): Promise<Refusal | undefined> {
    let mayBeKnown = false;
    while (this.link.latest("best").number <= pending.untilBlock) {
      const socket = await this.link.socket();
      try {
        await socket.request("author_submitExtrinsic", [extrinsic.hex], this.link.options.deadlines.requestMs);
        return undefined;
      } catch (error) {
        if (this.link.isClosed) throw new InterruptedError();
        if (error instanceof RpcError) {
          const refused = poolRefusal(error);
          // Sent twice, the second time finds the first: in the pool, or in a block with its nonce used up.
          const found = refused.error === "AlreadyImported" || (mayBeKnown && refused.error === "Stale");
          return found ? undefined : refused;
        }
        if (!(error instanceof LineError)) throw error;
        mayBeKnown = true;
        this.link.distrust(error, socket);
      }
    }
    return undefined;
  }

  async #follow(pending: Pending, extrinsic: SignedExtrinsic | undefined): Promise<Submission> {
    const { fateMs } = this.link.options.deadlines;
    const standstill = AbortSignal.timeout(fateMs);
    try {
      const heads = followHeads(this.link, { finalised: true, from: pending.sinceBlock + 1, signal: standstill });
      for await (const head of heads) {
        if (head.number > pending.untilBlock) break;
        const found = await this.#find(pending.extrinsicHash, head, extrinsic);
        if (found !== undefined) return found;
      }
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      return { kind: "unknown", pending, sentence: `Its fate could not be looked up: ${messageOf(error)}` };
    }
    if (standstill.aborted)
      return { kind: "unknown", pending, sentence: `The chain finalised nothing in ${fateMs / 1000} s.` };
    return { kind: "refused", block: null, extrinsicHash: pending.extrinsicHash, ...refusal("Expired") };
  }

  async #find(hash: string, head: Head, extrinsic: SignedExtrinsic | undefined): Promise<Submission | undefined> {
    const answer = (await this.link.read("chain_getBlock", [head.hash])) as {
      readonly block?: { readonly extrinsics?: readonly string[] };
    } | null;
    const extrinsics = answer?.block?.extrinsics;
    if (!Array.isArray(extrinsics)) throw new FailureError(`Block ${head.number} could not be read.`, "");
    const snapshot = await Snapshot.at(this.link, head.hash);
    const index = extrinsics.findIndex((hex) =>
      extrinsic === undefined ? snapshot.runtime.extrinsicHash(hex) === hash : hex === extrinsic.hex,
    );
    if (index < 0) return undefined;
    const events = (await snapshot.events()).filter((event) => event.extrinsicIndex === index);
    return outcome(snapshot.runtime, events, { block: head.number, blockHash: head.hash, extrinsicHash: hash });
  }
}

function outcome(
  runtime: Runtime,
  events: readonly ChainEvent[],
  place: { readonly block: Block; readonly blockHash: BlockHash; readonly extrinsicHash: string },
): Submission {
  const failed = events.find(({ pallet, name }) => pallet === "System" && name === "ExtrinsicFailed");
  if (failed === undefined) return { kind: "finalised", ...place, events };
  const { dispatchError } = failed.data as unknown as { dispatchError: { kind: string; value: Plain } };
  const { name, docs } = runtime.dispatchError(dispatchError);
  return { kind: "refused", block: place.block, extrinsicHash: place.extrinsicHash, ...refusal(name, docs) };
}
