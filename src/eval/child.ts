/**
 * A model in a process of its own. What a stranger's files can do to it (crash, hang, eat memory, write nonsense) costs
 * that model this child and nothing else: every way to end is a value with a reason.
 */
import { InterruptedError } from "../base/errors.ts";
import type { Invalid } from "../base/invalid.ts";
import { type ChildFailure, LimitedProcess } from "../base/limited-process.ts";
import { printable } from "../base/log.ts";
import { type ChildLimits, defaultLimits } from "../base/process-limits.ts";
import { selfCommand } from "../base/self.ts";
import {
  type IdsItem,
  type Request,
  type RequestKind,
  type ResultOf,
  replySchema,
  resultSchemas,
  resultsOf,
  type Start,
  type TextItem,
} from "./protocol.ts";
import type { GenerationSample, LossSample } from "./sample.ts";

export interface Done<T> {
  readonly kind: "done";
  /** In the order of the samples. */
  readonly results: readonly T[];
}

/** `invalid`: the model's files cannot be used, whoever tries. After `failed` the child is gone and stays gone. */
export type ChildOutcome<T> = Done<T> | Invalid | ChildFailure;

export interface RequestOptions<K extends RequestKind> {
  /** Called for every sample as soon as its result is there, in any order. */
  readonly onResult?: (index: number, result: ResultOf<K>) => void;
}

/** One request at a time; a second call waits for the first. Every call throws `InterruptedError` once aborted. */
export interface ModelChild {
  /** Opens the model: checks the files, builds the graph. */
  describe(): Promise<ChildOutcome<ResultOf<"describe">>>;
  scan(): Promise<ChildOutcome<ResultOf<"scan">>>;
  /** With the model's own tokenizer and template, or those of `tokenizerFolder`. */
  encode(
    items: readonly TextItem[],
    options: RequestOptions<"encode"> & { readonly now: string },
  ): Promise<ChildOutcome<ResultOf<"encode">>>;
  decode(items: readonly IdsItem[], options?: RequestOptions<"decode">): Promise<ChildOutcome<ResultOf<"decode">>>;
  /** `perToken`: also the NLL of every scored token. */
  score(
    samples: readonly LossSample[],
    options?: RequestOptions<"score"> & { readonly perToken?: boolean },
  ): Promise<ChildOutcome<ResultOf<"score">>>;
  generate(
    samples: readonly GenerationSample[],
    options?: RequestOptions<"generate">,
  ): Promise<ChildOutcome<ResultOf<"generate">>>;
  /** Ends the child; never throws, and returns when the process is gone. */
  close(): Promise<void>;
  /** The most anonymous memory that was seen, in bytes. */
  readonly memoryBytesPeak: number;
}

export interface ChildOptions extends Omit<Start, "kind" | "memoryBytesMax" | "links"> {
  readonly links?: Start["links"];
  readonly limits?: Partial<ChildLimits>;
  readonly signal?: AbortSignal;
  /** What to run instead of `finetune worker`. */
  readonly command?: readonly string[];
}

/** Starts the child. It opens nothing before the first request. */
export function startModelChild(options: ChildOptions): ModelChild {
  const { limits: chosen, signal, command = selfCommand("worker"), links = "refuse", ...place } = options;
  const limits = { ...defaultLimits, ...chosen };
  const requests = new Requests(command, limits, signal);
  requests.start({ kind: "start", ...place, links, memoryBytesMax: limits.memoryBytesMax });
  return {
    describe: () => requests.ask({ kind: "describe" }),
    scan: () => requests.ask({ kind: "scan" }),
    encode: (items, { now, onResult }) => requests.ask({ kind: "encode", items, now }, onResult),
    decode: (items, { onResult } = {}) => requests.ask({ kind: "decode", items }, onResult),
    score: (samples, { perToken = false, onResult } = {}) =>
      requests.ask({ kind: "score", samples, perToken }, onResult),
    generate: (samples, { onResult } = {}) => requests.ask({ kind: "generate", samples }, onResult),
    close: () => requests.close(),
    get memoryBytesPeak() {
      return requests.process.memoryBytesPeak;
    },
  };
}

interface Pending {
  readonly kind: RequestKind;
  readonly results: unknown[];
  missing: number;
  readonly onResult: ((index: number, result: never) => void) | undefined;
  readonly resolve: (outcome: ChildOutcome<never>) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends one request after the other and matches the lines that come back to the one that is under way. */
class Requests {
  readonly process: LimitedProcess;
  private pending: Pending | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    command: readonly string[],
    limits: ChildLimits,
    private readonly signal: AbortSignal | undefined,
  ) {
    const events = { onLine: (line: string) => this.take(line), onEnd: (failure: ChildFailure) => this.end(failure) };
    this.process = new LimitedProcess(command, limits, events);
    signal?.addEventListener("abort", this.abort, { once: true });
  }

  start(line: Start): void {
    this.process.send(line);
  }

  ask<K extends RequestKind>(
    request: Request & { readonly kind: K },
    onResult?: (index: number, result: ResultOf<K>) => void,
  ): Promise<ChildOutcome<ResultOf<K>>> {
    const answer = this.last.then(() => this.askNow(request, onResult));
    this.last = answer.catch(() => undefined);
    return answer;
  }

  async close(): Promise<void> {
    await this.process.close();
    this.signal?.removeEventListener("abort", this.abort);
  }

  private askNow<K extends RequestKind>(
    request: Request & { readonly kind: K },
    onResult?: (index: number, result: ResultOf<K>) => void,
  ): Promise<ChildOutcome<ResultOf<K>>> {
    if (this.signal?.aborted) return Promise.reject(new InterruptedError());
    if (this.process.failure !== undefined) return Promise.resolve(this.process.failure);
    const missing = resultsOf(request);
    if (missing === 0) return Promise.resolve({ kind: "done", results: [] });
    return new Promise((resolve, reject) => {
      this.pending = { kind: request.kind, results: new Array(missing), missing, onResult, resolve, reject };
      this.process.startRequest();
      this.process.send(request);
    });
  }

  private readonly abort = () => this.process.kill();

  private take(line: string): void {
    const pending = this.pending;
    const reply = replySchema.safeParse(parse(line));
    if (!reply.success || pending === undefined) this.process.fail("protocol", `an unexpected line: ${quote(line)}`);
    else if (reply.data.kind === "result") this.takeResult(pending, reply.data.index, reply.data.result, line);
    else if (reply.data.kind === "invalid") this.finish(pending, reply.data);
    else if (pending.missing > 0) this.process.fail("protocol", `${pending.missing} results are missing`);
    else this.finish(pending, { kind: "done", results: pending.results as never[] });
  }

  private takeResult(pending: Pending, index: number, value: unknown, line: string): void {
    const result = resultSchemas[pending.kind].safeParse(value);
    if (!result.success || index >= pending.results.length || pending.results[index] !== undefined) {
      this.process.fail("protocol", `an unexpected result: ${quote(line)}`);
      return;
    }
    pending.results[index] = result.data;
    pending.missing -= 1;
    try {
      pending.onResult?.(index, result.data as never);
    } catch (error) {
      // The caller's mistake (a full disk while storing, say) belongs to the caller, and the child has nobody to work for.
      this.pending = undefined;
      this.process.kill();
      pending.reject(error);
    }
  }

  private finish(pending: Pending, outcome: ChildOutcome<never>): void {
    this.pending = undefined;
    this.process.endRequest();
    pending.resolve(outcome);
  }

  private end(failure: ChildFailure): void {
    this.signal?.removeEventListener("abort", this.abort);
    const pending = this.pending;
    this.pending = undefined;
    if (this.signal?.aborted) pending?.reject(new InterruptedError());
    else pending?.resolve(failure);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function quote(line: string): string {
  return JSON.stringify(printable(line.slice(0, 200)));
}
