/** A client of one subtensor chain: everything that the roles read from it and write to it. */
import { FailureError } from "../base/errors.ts";
import type { Block, BlockHash, Head, Hotkey, Metagraph, Netuid, Ss58, Uid } from "../subnet.ts";
import { type Balance, type Registration, readBalance, readRegistration } from "./account.ts";
import { type NewCommitment, submitCommitment } from "./commit.ts";
import { type FullCommitment, readCommitments } from "./commitment.ts";
import { type Deadlines, defaultDeadlines } from "./deadlines.ts";
import { type RevealRequest, submitReveal } from "./hash-commit.ts";
import { followHeads } from "./heads.ts";
import { type Hyperparameters, readHyperparameters } from "./hyperparameters.ts";
import { type Expected, Link, type Log } from "./link.ts";
import { storageIndex } from "./mechanism.ts";
import { readMetagraph } from "./metagraph.ts";
import { type NewRegistration, submitRegistration } from "./registration.ts";
import { Snapshot } from "./snapshot.ts";
import { type Pending, type Submission, Submitter } from "./submission.ts";
import type { NewWeights, WeightsSubmission } from "./weight-plan.ts";
import { submitWeights } from "./weight-submission.ts";

export type { FullCommitment } from "./commitment.ts";
export type { Hyperparameters } from "./hyperparameters.ts";
export type { Pending, Submission } from "./submission.ts";
export type { WeightsMethod } from "./weight-checks.ts";
export type { NewWeights, Reveal, WeightsSubmission } from "./weight-plan.ts";

export interface ConnectOptions {
  /** WebSocket endpoints in order of preference; `endpointsOf` makes them from a network's name. */
  readonly endpoints: readonly string[];
  /** Closes the client when it aborts. */
  readonly signal?: AbortSignal;
  readonly log?: Log;
  readonly deadlines?: Partial<Deadlines>;
  /** What the caller's state belongs to: another chain, or one that lacks a block known as final, is refused. */
  readonly expected?: Expected;
}

/** A neuron's weights as the chain stores them: max-upscaled u16 by uid. */
export interface StoredWeights {
  readonly block: Block;
  readonly uids: readonly Uid[];
  readonly values: readonly number[];
}

/** Connects to the first endpoint that answers. Throws `OperatorError` when none does or it is another chain. */
export async function connectChain(options: ConnectOptions): Promise<ChainClient> {
  const link = await Link.open({ ...options, deadlines: { ...defaultDeadlines, ...options.deadlines } });
  return new ChainClient(link);
}

export class ChainClient {
  readonly #link: Link;
  readonly #submitter: Submitter;

  constructor(link: Link) {
    this.#link = link;
    this.#submitter = new Submitter(link);
  }

  get genesisHash(): BlockHash {
    return this.#link.genesisHash;
  }

  get chainName(): string {
    return this.#link.chainName;
  }

  get specVersion(): number {
    return this.#link.version.specVersion;
  }

  get blockTimeMs(): number {
    return this.#link.blockTimeMs;
  }

  /** The endpoint in use, or undefined while reconnecting. */
  get endpoint(): string | undefined {
    return this.#link.endpoint;
  }

  heads(options: { readonly signal?: AbortSignal; readonly finalised?: boolean } = {}): AsyncIterable<Head> {
    return followHeads(this.#link, options);
  }

  /** The newest head; `finalised` for the newest that cannot be undone. */
  async head(options: { readonly finalised?: boolean } = {}): Promise<Head> {
    await this.#link.socket();
    return this.#link.latest(options.finalised ? "finalised" : "best");
  }

  /** The hash of a block, or null when the chain has not come so far. */
  blockHash(block: Block): Promise<BlockHash | null> {
    return this.#link.blockHash(block);
  }

  /** When a block was made, by the chain's own clock: milliseconds since 1970. */
  async timestampMs(at: BlockHash): Promise<number> {
    const time = Number(await (await Snapshot.at(this.#link, at)).value("Timestamp.Now"));
    // The genesis block has none.
    if (!(time > 0)) throw new FailureError(`The chain does not say when block ${at} was made.`);
    return time;
  }

  metagraph(netuid: Netuid, at?: BlockHash): Promise<Metagraph> {
    return readMetagraph(this.#link, netuid, at);
  }

  commitments(netuid: Netuid, at?: BlockHash): Promise<readonly FullCommitment[]> {
    return readCommitments(this.#link, netuid, at);
  }

  hyperparameters(netuid: Netuid, at?: BlockHash): Promise<Hyperparameters> {
    return readHyperparameters(this.#link, netuid, at);
  }

  balance(account: Ss58): Promise<Balance> {
    return readBalance(this.#link, account);
  }

  /** The neuron that a hotkey is, or undefined when it is not registered in the subnet. */
  async registration(netuid: Netuid, hotkey: Hotkey): Promise<Registration | undefined> {
    return await readRegistration(await Snapshot.at(this.#link), netuid, hotkey);
  }

  /** The chain's own row of a neuron's weights. */
  async weights(
    netuid: Netuid,
    uid: Uid,
    { mecid = 0, at }: { readonly mecid?: number; readonly at?: BlockHash } = {},
  ): Promise<StoredWeights> {
    const snapshot = await Snapshot.at(this.#link, at);
    const row = await snapshot.value("SubtensorModule.Weights", storageIndex(netuid, mecid), uid);
    const pairs = row as readonly (readonly [number, number])[];
    return { block: snapshot.block, uids: pairs.map(([to]) => to), values: pairs.map(([, value]) => value) };
  }

  /** Commits bytes for a hotkey; what the chain then holds is read back. */
  setCommitment(commitment: NewCommitment): Promise<Submission> {
    return submitCommitment(this.#link, this.#submitter, commitment);
  }

  /** Burns the subnet's price from the coldkey and makes the hotkey a neuron. The price: `hyperparameters().burnRao`. */
  register(registration: NewRegistration): Promise<Submission> {
    return submitRegistration(this.#link, this.#submitter, registration);
  }

  /**
   * Sets weights as the chain's parameters ask: plain, hash commit or timelocked commit. What the runtime would refuse
   * is refused here by its names; the rate limit is waited for; what was written is read back.
   */
  submitWeights(weights: NewWeights): Promise<WeightsSubmission> {
    return submitWeights(this.#link, this.#submitter, weights);
  }

  /** Reveals a hash commit, in its reveal epoch: waits for that when it has not begun. */
  revealWeights(request: RevealRequest): Promise<Submission> {
    return submitReveal(this.#link, this.#submitter, request);
  }

  /** What became of an extrinsic that was under way when this or an earlier process lost sight of it. */
  fate(pending: Pending): Promise<Submission> {
    return this.#submitter.fate(pending);
  }

  close(): void {
    this.#link.close();
  }
}
