/**
 * One healthy connection among several endpoints, for as long as the client lives: dials in order, checks that the node
 * is on the right chain and not behind what was final already, leaves it when its heads stall, and comes back with a
 * bounded back-off. Reads are asked again after a reconnect, so that their callers notice nothing but time.
 */
import { FailureError, InterruptedError, messageOf, OperatorError } from "../base/errors.ts";
import type { Block, BlockHash, Head } from "../subnet.ts";
import type { ApiSource } from "./api.ts";
import { Bounded } from "./bounded.ts";
import type { Deadlines } from "./deadlines.ts";
import {
  type Ask,
  type Header,
  hashOf,
  headerOf,
  type NodeIdentity,
  type RuntimeVersion,
  readIdentity,
  readMetadata,
  versionOf,
} from "./node.ts";
import { openRuntime, type Runtime } from "./runtime.ts";
import { LineError, openSocket, RpcError, SilenceError, type Socket, withDeadline } from "./socket.ts";
import { VersionSpans } from "./version-spans.ts";

export interface LinkOptions {
  readonly endpoints: readonly string[];
  readonly deadlines: Deadlines;
  readonly signal?: AbortSignal;
  readonly log?: Log;
  /** What the caller's state belongs to; a chain that differs is refused by name. */
  readonly expected?: Expected;
}

export interface Expected {
  readonly genesisHash?: BlockHash;
  /** A block known to be final: a node that lacks it, or has another in its place, is not used. */
  readonly finalised?: Head;
}

export interface Log {
  readonly info: (text: string) => void;
  readonly warn: (text: string) => void;
}

type HeadKind = "best" | "finalised";

const subscriptions: Readonly<Record<HeadKind, { readonly subscribe: string; readonly unsubscribe: string }>> = {
  best: { subscribe: "chain_subscribeNewHeads", unsubscribe: "chain_unsubscribeNewHeads" },
  finalised: { subscribe: "chain_subscribeFinalizedHeads", unsubscribe: "chain_unsubscribeFinalizedHeads" },
};

const blockTimeMsDefault = 12_000;

export class Link {
  #live: Socket | undefined;
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #identity: { readonly genesisHash: BlockHash; readonly chainName: string } | undefined;
  #failures = new Map<string, string>();
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #first = 0;
  #connecting = false;
  /** Rejects when the client is closed: whatever waits for the world must not wait beyond that. */
  readonly #ended = Promise.withResolvers<never>();
  readonly #ending = new AbortController();
  #blockTimeMs = blockTimeMsDefault;
  readonly #latest: Partial<Record<HeadKind, Head>> = {};
  readonly #headListeners = new Set<() => void>();
  readonly #runtimes = new Map<number, Promise<Runtime>>();
  /** Headers of the blocks seen last, so that reading at a head costs no request for it. */
  readonly #headers = new Bounded<Header>(512);
  readonly #spans = new VersionSpans();

  private constructor(readonly options: LinkOptions) {
    // Most of the time nobody is waiting for the end.
    this.#ended.promise.catch(() => {});
    options.signal?.addEventListener("abort", () => this.close(), { once: true });
  }

  /** Throws `OperatorError` when no endpoint can be used after the table's number of rounds, or it is another chain. */
  static async open(options: LinkOptions): Promise<Link> {
    if (options.signal?.aborted) throw new InterruptedError();
    const link = new Link(options);
    try {
      await link.#connect(options.deadlines.connectRounds);
    } catch (error) {
      link.close();
      throw error;
    }
    return link;
  }

  get genesisHash(): BlockHash {
    return this.#identity!.genesisHash;
  }

  get chainName(): string {
    return this.#identity!.chainName;
  }

  /** Of the newest block that was read. */
  get version(): RuntimeVersion {
    return this.#spans.newestVersion!;
  }

  get blockTimeMs(): number {
    return this.#blockTimeMs;
  }

  /** The endpoint in use, or undefined while reconnecting. */
  get endpoint(): string | undefined {
    return this.#live?.endpoint;
  }

  latest(kind: HeadKind): Head {
    return this.#latest[kind]!;
  }

  /** Calls back at every new head of either kind, until the returned function is called. */
  onHead(listener: () => void): () => void {
    this.#headListeners.add(listener);
    return () => this.#headListeners.delete(listener);
  }

  /** A read: asked again over other connections until it is answered or `readMs` have passed (`FailureError`). */
  async read(method: string, params: readonly unknown[], deadlineMs?: number): Promise<unknown> {
    const { readMs, requestMs } = this.options.deadlines;
    // Of the clock that never jumps: a wall clock that is set must neither cut a read short nor stretch it.
    const until = performance.now() + readMs;
    let unknownBlock = 0;
    for (;;) {
      const socket = await this.socket(until - performance.now());
      try {
        return await socket.request(method, params, deadlineMs ?? requestMs);
      } catch (error) {
        if (this.#closed) throw new InterruptedError();
        if (error instanceof LineError) this.distrust(error, socket);
        // After a change of endpoints the new node may still lack the newest block.
        else if (isUnknownBlock(error) && ++unknownBlock < 5) await this.#pause(this.#blockTimeMs / 4);
        else throw refusedRead(method, error);
        if (performance.now() >= until) throw this.#unreachable(messageOf(error));
      }
    }
  }

  /** The connection in use; waits for one while reconnecting. */
  async socket(waitMs: number = this.options.deadlines.readMs): Promise<Socket> {
    while (this.#live === undefined) {
      if (this.#closed) throw new InterruptedError();
      const connected = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
      await withDeadline(connected, Math.max(1, waitMs), "reconnecting").catch((error) => {
        throw error instanceof LineError ? this.#unreachable(error.message) : error;
      });
    }
    return this.#live;
  }

  /** Leaves a connection after an answer that did not come; the next endpoint is tried first when it never came. */
  distrust(error: LineError, socket: Socket): void {
    this.#lose(socket, error.message, error instanceof SilenceError);
  }

  async header(hash: BlockHash): Promise<Header> {
    const known = this.#headers.get(hash);
    if (known !== undefined) return known;
    const raw = await this.read("chain_getHeader", [hash]);
    if (raw === null)
      throw new OperatorError(`The chain has no block ${hash}.`, "Check the hash, and that --network is its chain.");
    const header = headerOf(raw);
    this.#headers.set(hash, header);
    return header;
  }

  async blockHash(number: Block): Promise<BlockHash | null> {
    return hashOf(await this.read("chain_getBlockHash", [number]), true);
  }

  /** The runtime that a block's state belongs to (its parent's code made it) and the one that calls at it run in. */
  async runtimesAt(hash: BlockHash): Promise<{ readonly state: Runtime; readonly calls: Runtime }> {
    const { number, parentHash } = await this.header(hash);
    const parent = number === 0 ? { number, hash } : { number: number - 1, hash: parentHash };
    // The order matters for what the second needs to ask: see VersionSpans.
    const newer = number > this.#spans.newestBlock;
    const first = await this.#versionAt(newer ? { number, hash } : parent);
    const second = await this.#versionAt(newer ? parent : { number, hash });
    const [state, calls] = newer ? [second, first] : [first, second];
    return { state: await this.#runtime(state, parent.hash), calls: await this.#runtime(calls, hash) };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended.reject(new InterruptedError());
    this.#ending.abort();
    clearTimeout(this.#stallTimer);
    this.#live = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(new InterruptedError());
    this.#announce();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  async #versionAt({ number, hash }: Head): Promise<RuntimeVersion> {
    const known = this.#spans.at(number);
    if (known !== undefined) return known;
    const version = versionOf(await this.read("state_getRuntimeVersion", [hash]));
    this.#spans.add(number, version);
    return version;
  }

  #runtime(version: RuntimeVersion, hash: BlockHash): Promise<Runtime> {
    const cached = this.#runtimes.get(version.specVersion);
    if (cached !== undefined) return cached;
    const ask: Ask = (method, params) => this.read(method, params, this.options.deadlines.metadataMs);
    return this.#loadRuntime({ ...this.#identity!, version }, hash, ask);
  }

  #loadRuntime(source: Omit<ApiSource, "metadata">, hash: BlockHash, ask: Ask): Promise<Runtime> {
    const { version } = source;
    const loaded = readMetadata(ask, hash).then((metadata) => openRuntime(ask, { ...source, metadata }));
    this.#runtimes.set(version.specVersion, loaded);
    loaded.catch(() => this.#runtimes.delete(version.specVersion));
    return loaded;
  }

  /** Tries the endpoints in order, `rounds` times in all, with the table's back-off between rounds. */
  async #connect(rounds: number): Promise<void> {
    this.#connecting = true;
    try {
      await this.#dialInTurn(rounds);
    } finally {
      this.#connecting = false;
    }
    if (this.#live === undefined && !this.#closed) await this.#connect(rounds);
  }

  async #dialInTurn(rounds: number): Promise<void> {
    const { backoffMs, backoffMsMax } = this.options.deadlines;
    for (let round = 0; round < rounds; round++) {
      for (const endpoint of this.#inOrder()) {
        if (this.#closed) throw new InterruptedError();
        try {
          return await Promise.race([this.#dial(endpoint), this.#ended.promise]);
        } catch (error) {
          if (error instanceof OperatorError || error instanceof InterruptedError) throw error;
          this.#failures.set(endpoint, messageOf(error));
          this.options.log?.warn(`chain: ${messageOf(error)}`);
        }
      }
      if (round + 1 < rounds) await this.#pause(Math.min(backoffMs * 2 ** round, backoffMsMax));
    }
    throw new OperatorError(
      `No endpoint of the chain can be used: ${[...this.#failures.values()].join("; ")}.`,
      "Check --network and that this machine reaches it; `finetune localnet up` starts a chain of your own.",
    );
  }

  /** All endpoints, from the one in use or the one to try next. */
  #inOrder(): readonly string[] {
    const { endpoints } = this.options;
    return [...endpoints.slice(this.#first), ...endpoints.slice(0, this.#first)];
  }

  async #dial(endpoint: string): Promise<void> {
    const { connectMs, requestMs, metadataMs } = this.options.deadlines;
    const socket = await openSocket(endpoint, connectMs, this.#ending.signal);
    try {
      const ask: Ask = (method, params) => socket.request(method, params, requestMs);
      const node = await withDeadline(readIdentity(ask), connectMs, `greeting ${endpoint}`);
      this.#refuseOtherChain(endpoint, node.genesisHash);
      await this.#refuseBehind(socket, node.finalised, node.best);
      const runtime =
        this.#runtimes.get(node.version.specVersion) ??
        this.#loadRuntime(node, node.best.hash, (method, params) => socket.request(method, params, metadataMs));
      this.#blockTimeMs = Number((await runtime).constant("Aura.SlotDuration") ?? blockTimeMsDefault);
      this.#adopt(socket, node);
      await this.#followHeads(socket);
    } catch (error) {
      if (this.#live === socket) this.#live = undefined;
      socket.close(messageOf(error));
      throw error;
    }
    this.options.log?.info(`chain: connected to ${endpoint} (block ${this.latest("best").number})`);
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #adopt(socket: Socket, node: NodeIdentity): void {
    if (this.#closed) throw new InterruptedError();
    this.#identity = { genesisHash: node.genesisHash, chainName: node.chainName };
    this.#spans.add(node.best.number, node.version);
    this.#headers.set(node.best.hash, node.best);
    this.#headers.set(node.finalised.hash, node.finalised);
    this.#live = socket;
    this.#first = this.options.endpoints.indexOf(socket.endpoint);
    socket.closed.then((reason) => this.#lose(socket, reason));
    this.#advance("finalised", node.finalised);
    this.#advance("best", node.best);
    this.#restartStallTimer(socket);
  }

  #refuseOtherChain(endpoint: string, genesisHash: BlockHash): void {
    const expected = this.#identity?.genesisHash ?? this.options.expected?.genesisHash;
    if (expected === undefined || expected === genesisHash) return;
    if (this.#identity !== undefined)
      throw new LineError(`${endpoint} is on another chain (genesis ${genesisHash} instead of ${expected})`);
    throw new OperatorError(
      `${endpoint} is another chain than the state file belongs to: its genesis is ${genesisHash}, not ${expected}.`,
      "Give the --network that the state file was made with, or another --db for this chain.",
    );
  }

  /** A node that has not come as far as what was final already, or tells another story of it, is not believed. */
  async #refuseBehind(socket: Socket, finalised: Head, best: Head): Promise<void> {
    const known = this.#latest.finalised ?? this.options.expected?.finalised;
    if (known === undefined) return;
    if (best.number < known.number)
      throw new LineError(
        `${socket.endpoint} is at block ${best.number}, behind block ${known.number}, which was final already`,
      );
    const hash = hashOf(
      await socket.request("chain_getBlockHash", [known.number], this.options.deadlines.requestMs),
      true,
    );
    if (hash !== known.hash && finalised.number >= known.number)
      throw new LineError(`${socket.endpoint} has another block ${known.number} than the one that was final already`);
  }

  async #followHeads(socket: Socket): Promise<void> {
    for (const kind of ["best", "finalised"] as const)
      await socket.subscribe(
        subscriptions[kind],
        (raw) => {
          try {
            this.#receiveHead(socket, kind, headerOf(raw));
          } catch (error) {
            this.#lose(socket, `${socket.endpoint} announced a head that is none: ${messageOf(error)}`, true);
          }
        },
        this.options.deadlines.requestMs,
      );
  }

  #receiveHead(socket: Socket, kind: HeadKind, header: Header): void {
    if (this.#live !== socket) return;
    const final = this.#latest.finalised;
    if (final !== undefined && kind === "best" && header.number < final.number) {
      const story = `announces block ${header.number} although block ${final.number} was final already`;
      this.#lose(socket, `${socket.endpoint} ${story}`, true);
      return;
    }
    this.#headers.set(header.hash, header);
    const previous = this.#latest[kind];
    if (previous === undefined || header.number > previous.number) this.#restartStallTimer(socket);
    this.#advance(kind, header);
  }

  /** The best head may go back at a reorganisation; the finalised one never does. */
  #advance(kind: HeadKind, { number, hash }: Head): void {
    const previous = this.#latest[kind];
    if (kind === "finalised" && previous !== undefined && number <= previous.number) return;
    this.#latest[kind] = { number, hash };
    this.#announce();
  }

  #announce(): void {
    for (const listener of [...this.#headListeners]) listener();
  }

  #restartStallTimer(socket: Socket): void {
    clearTimeout(this.#stallTimer);
    const { stallBlocks, stallMsMin } = this.options.deadlines;
    const stallMs = Math.max(stallMsMin, stallBlocks * this.#blockTimeMs);
    this.#stallTimer = setTimeout(
      () => this.#lose(socket, `${socket.endpoint} announced no new block in ${stallMs / 1000} s`, true),
      stallMs,
    );
    this.#stallTimer.unref?.();
  }

  #lose(socket: Socket, reason: string, tryNextFirst = false): void {
    socket.close(reason);
    if (this.#live !== socket || this.#closed) return;
    this.#live = undefined;
    if (tryNextFirst) this.#first = (this.#first + 1) % this.options.endpoints.length;
    if (this.#connecting) return;
    clearTimeout(this.#stallTimer);
    this.options.log?.warn(`chain: ${reason}; reconnecting`);
    this.#connect(Number.POSITIVE_INFINITY).catch((error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  async #pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([over, this.#ended.promise]).finally(() => clearTimeout(timer));
  }

  #unreachable(reason: string): FailureError {
    const failures = [...this.#failures.values()].join("; ");
    return new FailureError(
      `The chain cannot be reached: ${reason}${failures === "" ? "" : ` (${failures})`}.`,
      "The client keeps trying; check the network, or give more endpoints with --network.",
    );
  }
}

function isUnknownBlock(error: unknown): boolean {
  return error instanceof RpcError && /unknown ?block|header was not found|block not found/i.test(error.message);
}

function refusedRead(method: string, error: unknown): Error {
  if (!(error instanceof RpcError)) return error instanceof Error ? error : new Error(String(error));
  const discarded = /state already discarded|pruned/i.test(error.message);
  return new FailureError(
    `The node refused ${method}: ${error.message.slice(0, 300)}.`,
    discarded ? "Old blocks need an archive node: --network archive." : "Try another endpoint with --network.",
  );
}
