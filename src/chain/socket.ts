/**
 * JSON-RPC over one WebSocket to one endpoint. It never reconnects: what is lost here is decided about in link.ts.
 * Written for this program because the provider of @polkadot/api throws out of the event loop on an answer that is not
 * JSON, writes to the console, and waits a minute for what never comes; a node is not to be trusted with any of the three.
 */
import { messageOf } from "../base/errors.ts";
import { limits } from "./deadlines.ts";

/** The node answered, and its answer was an error. */
export class RpcError extends Error {
  constructor(
    readonly code: number,
    readonly text: string,
    readonly data: unknown,
  ) {
    super(
      `${code}: ${text}${data === undefined ? "" : ` (${typeof data === "string" ? data : JSON.stringify(data)})`}`,
    );
  }
}

/** There was no answer: the socket closed, the deadline passed, or what came was not JSON-RPC. */
export class LineError extends Error {}

/** The line is open and nothing comes: another endpoint may do better, while a closed one may just be restarting. */
export class SilenceError extends LineError {}

export interface Subscription {
  readonly subscribe: string;
  readonly unsubscribe: string;
  readonly params?: readonly unknown[];
}

export interface Socket {
  readonly endpoint: string;
  /** Resolves once, with the reason. */
  readonly closed: Promise<string>;
  request(method: string, params: readonly unknown[], deadlineMs: number): Promise<unknown>;
  /** Notices stop at the returned function's call, or when the socket closes. */
  subscribe(subscription: Subscription, onNotice: (result: unknown) => void, deadlineMs: number): Promise<() => void>;
  close(reason: string): void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Message {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown; readonly data?: unknown } | null;
  readonly params?: { readonly subscription?: unknown; readonly result?: unknown } | null;
}

/** Opens a socket; the signal closes it at any time. Rejects with `LineError` when it does not open in time. */
export async function openSocket(endpoint: string, deadlineMs: number, signal: AbortSignal): Promise<Socket> {
  const line = new Line(endpoint);
  const end = () => line.close("closed by us");
  signal.addEventListener("abort", end, { once: true });
  line.closed.then(() => signal.removeEventListener("abort", end));
  await withDeadline(line.opened, deadlineMs, `opening ${endpoint}`).catch((error) => {
    line.close(messageOf(error));
    throw error;
  });
  return line;
}

/** Rejects with `SilenceError` when the promise does not settle in time. */
export function withDeadline<T>(promise: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new SilenceError(`${what} took longer than ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

class Line implements Socket {
  readonly opened: Promise<void>;
  readonly closed: Promise<string>;
  readonly #webSocket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, (result: unknown) => void>();
  /** Notices of a subscription whose id is still on its way to us. */
  readonly #early = new Map<string, unknown[]>();
  #subscribing = 0;
  #nextId = 1;
  #closedReason: string | undefined;
  #settleClosed: (reason: string) => void = () => {};

  constructor(readonly endpoint: string) {
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#webSocket = new WebSocket(endpoint);
    this.opened = new Promise((resolve, reject) => {
      this.#webSocket.addEventListener("open", () => resolve());
      this.closed.then((reason) => reject(new LineError(reason)));
    });
    // Nobody may be waiting for `opened` any more when the socket closes.
    this.opened.catch(() => {});
    this.#webSocket.addEventListener("close", ({ code }) => this.close(`${endpoint} closed the connection (${code})`));
    this.#webSocket.addEventListener("error", () => this.close(`${endpoint} cannot be reached`));
    this.#webSocket.addEventListener("message", ({ data }) => this.#receive(data));
  }

  request(method: string, params: readonly unknown[], deadlineMs: number): Promise<unknown> {
    if (this.#closedReason !== undefined) return Promise.reject(new LineError(this.#closedReason));
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    this.#webSocket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return withDeadline(answer, deadlineMs, `${method} at ${this.endpoint}`).finally(() => this.#pending.delete(id));
  }

  async subscribe(subscription: Subscription, onNotice: (result: unknown) => void, deadlineMs: number) {
    this.#subscribing += 1;
    try {
      const id = String(await this.request(subscription.subscribe, subscription.params ?? [], deadlineMs));
      this.#listeners.set(id, onNotice);
      for (const notice of this.#early.get(id) ?? []) onNotice(notice);
      return () => {
        if (!this.#listeners.delete(id) || this.#closedReason !== undefined) return;
        this.request(subscription.unsubscribe, [id], deadlineMs).catch(() => {});
      };
    } finally {
      this.#subscribing -= 1;
      if (this.#subscribing === 0) this.#early.clear();
    }
  }

  close(reason: string): void {
    if (this.#closedReason !== undefined) return;
    this.#closedReason = reason;
    this.#settleClosed(reason);
    for (const { reject } of this.#pending.values()) reject(new LineError(reason));
    this.#pending.clear();
    this.#listeners.clear();
    this.#early.clear();
    this.#webSocket.close();
  }

  #receive(data: unknown): void {
    const message = typeof data === "string" && data.length <= limits.messageBytesMax ? parse(data) : undefined;
    if (message === undefined) this.close(`${this.endpoint} sent something that is not JSON-RPC`);
    else if (message.id !== undefined && message.id !== null) this.#settle(Number(message.id), message);
    else if (message.params !== undefined && message.params !== null) this.#notice(message.params);
  }

  #settle(id: number, message: Message): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    const { error } = message;
    if (error === undefined || error === null) pending.resolve(message.result ?? null);
    else pending.reject(new RpcError(Number(error.code), String(error.message), error.data));
  }

  #notice(params: NonNullable<Message["params"]>): void {
    const id = String(params.subscription);
    const listener = this.#listeners.get(id);
    if (listener !== undefined) listener(params.result);
    else if (this.#subscribing > 0) this.#keepEarly(id, params.result);
  }

  /** Bounded: a node could send notices of subscriptions that nobody made. */
  #keepEarly(id: string, notice: unknown): void {
    const waiting = this.#early.get(id) ?? [];
    if (waiting.length + this.#early.size >= limits.pendingNoticesMax) return;
    waiting.push(notice);
    this.#early.set(id, waiting);
  }
}

function parse(data: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === "object" && message !== null && !Array.isArray(message) ? message : undefined;
  } catch {
    return undefined;
  }
}
