/**
 * The parent's side of decoding rows: starts the process, reads for it what it asks for, takes its rows, and ends it when
 * it takes too long or too much. A process that did its work well is kept for a moment, since rows come in pages.
 */
import { InterruptedError } from "../../base/errors.ts";
import { type Invalid, invalid } from "../../base/invalid.ts";
import { type ChildFailure, LimitedProcess } from "../../base/limited-process.ts";
import { type ChildLimits, defaultLimits } from "../../base/process-limits.ts";
import { selfCommand } from "../../base/self.ts";
import { type ByteSource, ReadFailure } from "./byte-source.ts";
import { type RowRequest, rowReplySchema } from "./row-protocol.ts";

export interface DecodeOptions {
  readonly footer: Uint8Array;
  readonly columns: readonly string[];
  readonly rows: readonly number[];
}

type Row = Readonly<Record<string, unknown>>;

/** The times are of computing alone: while bytes are fetched for it, the clock stands still. */
const rowLimits: ChildLimits = {
  ...defaultLimits,
  requestSecondsMax: 300,
  silenceSecondsMax: 60,
  memoryBytesMax: 4 * 2 ** 30,
  outputBytesMax: 2 ** 31,
  lineBytesMax: 512 * 2 ** 20,
};
/** How long a process without work is kept. */
const idleMs = 1000;
let idle: RowProcess | undefined;

/**
 * The wanted rows in their order, as many as the process gives; or why there are none. Throws `InterruptedError` when the
 * source's signal aborts, and what else the source throws.
 */
export async function decodeRows(
  source: ByteSource,
  options: DecodeOptions,
  limits: Partial<ChildLimits>,
): Promise<Row[] | Invalid> {
  if (source.signal?.aborted) throw new InterruptedError();
  const isUsual = Object.keys(limits).length === 0;
  const kept = isUsual ? idle : undefined;
  if (kept !== undefined) idle = undefined;
  const decoding = kept?.wake() ?? new RowProcess({ ...rowLimits, ...limits });
  const rows = await decoding.decode(source, options);
  if (!isUsual || decoding.ended || idle !== undefined) void decoding.close();
  else idle = decoding.rest(() => (idle = undefined));
  return rows;
}

interface Asked {
  readonly source: ByteSource;
  readonly rows: Row[];
  readonly resolve: (rows: Row[] | Invalid) => void;
  readonly reject: (error: unknown) => void;
  /** Reads that the process waits for. */
  reading: number;
}

class RowProcess {
  readonly #process: LimitedProcess;
  #asked: Asked | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limits: ChildLimits) {
    this.#process = new LimitedProcess(selfCommand("worker", "rows"), limits, {
      onLine: (line) => this.#take(line),
      onEnd: (failure) => this.#end(failure),
    });
  }

  get ended(): boolean {
    return this.#process.failure !== undefined;
  }

  async decode(source: ByteSource, { footer, columns, rows }: DecodeOptions): Promise<Row[] | Invalid> {
    const abort = () => this.#process.fail("not-needed", "nobody waits for its rows any more");
    source.signal?.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise<Row[] | Invalid>((resolve, reject) => {
        this.#asked = { source, rows: [], resolve, reject, reading: 0 };
        if (this.#process.failure !== undefined) return this.#end(this.#process.failure);
        this.#process.startRequest();
        const { name, sizeBytes } = source;
        this.#send({ kind: "rows", name, sizeBytes, footer: Buffer.from(footer).toString("base64"), columns, rows });
      });
    } finally {
      source.signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends it unless it is needed again soon. */
  rest(onEnd: () => void): this {
    this.#timer = setTimeout(() => {
      onEnd();
      void this.close();
    }, idleMs);
    return this;
  }

  /** Undefined when it has ended by itself. */
  wake(): this | undefined {
    clearTimeout(this.#timer);
    return this.ended ? undefined : this;
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  #send(request: RowRequest): void {
    this.#process.send(request);
  }

  #take(line: string): void {
    const reply = rowReplySchema.safeParse(parse(line));
    const asked = this.#asked;
    if (!reply.success || asked === undefined) this.#process.fail("protocol", "an unexpected line");
    else if (reply.data.kind === "row") asked.rows.push(reply.data.row);
    else if (reply.data.kind === "read") void this.#read(asked, reply.data);
    else this.#finish(reply.data.kind === "done" ? asked.rows : invalid("bad-parquet", reply.data.detail));
  }

  async #read(asked: Asked, { id, from, to }: { readonly id: number; readonly from: number; readonly to: number }) {
    asked.reading += 1;
    this.#process.pauseRequest();
    try {
      // What a page claims to lie outside the file is not asked of the source.
      if (from > to || to > asked.source.sizeBytes)
        throw new ReadFailure(invalid("bad-parquet", `${asked.source.name} refers to bytes outside the file.`));
      const bytes = await asked.source.read(from, to);
      if (this.#asked !== asked) return;
      if (--asked.reading === 0) this.#process.resumeRequest();
      this.#send({ kind: "bytes", id, bytes: Buffer.from(bytes).toString("base64") });
    } catch (error) {
      if (this.#asked !== asked) return;
      this.#asked = undefined;
      this.#process.fail("not-needed", "its bytes are not to be had");
      if (error instanceof ReadFailure) asked.resolve(error.failure);
      else asked.reject(error);
    }
  }

  #finish(outcome: Row[] | Invalid): void {
    const asked = this.#asked;
    this.#asked = undefined;
    this.#process.endRequest();
    asked?.resolve(outcome);
  }

  #end({ reason, detail }: ChildFailure): void {
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked?.source.signal?.aborted) asked.reject(new InterruptedError());
    else asked?.resolve(invalid(reason, `${asked.source.name} could not be decoded (${reason}): ${detail}.`));
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
