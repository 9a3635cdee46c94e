/**
 * A process under limits, spoken to in lines. It is watched from outside, and every way in which it can end, wanted or
 * not, becomes one reason.
 */
import { messageOf } from "./errors.ts";
import { readLines } from "./lines.ts";
import { printable } from "./log.ts";
import { anonymousBytes, type ChildLimits, limitedCommand, memoryPollMilliseconds } from "./process-limits.ts";

export type FailureReason =
  | "child-crashed"
  | "timed-out"
  | "out-of-memory"
  | "protocol"
  | "output-too-large"
  | "not-started"
  | "not-needed";

/** The child's end, not the model's verdict: the same model may well pass with other limits. */
export interface ChildFailure {
  readonly kind: "failed";
  readonly reason: FailureReason;
  readonly detail: string;
}

export interface ProcessEvents {
  readonly onLine: (line: string) => void;
  /** Once, when the process is gone. */
  readonly onEnd: (failure: ChildFailure) => void;
}

/** Variables that the child needs; the others (tokens, keys) are none of its business. */
const environmentNames = ["PATH", "HOME", "XDG_CACHE_HOME", "FINETUNE_CACHE", "TMPDIR", "LANG", "LD_LIBRARY_PATH"];
const closeMilliseconds = 2000;
const stderrCharactersKept = 4096;

type Subprocess = Bun.Subprocess<"pipe", "pipe", "pipe">;

export class LimitedProcess {
  memoryBytesPeak = 0;
  /** Why it was, or is about to be, ended. */
  failure: ChildFailure | undefined;
  private readonly subprocess: Subprocess | undefined;
  private readonly startedAt = performance.now();
  /** Since when it works without a pause; undefined: it has no work, or waits for its parent. */
  private busySince: number | undefined;
  /** What the request under way has taken before that. */
  private busyMillisecondsBefore = 0;
  private heardAt = 0;
  private outputBytes = 0;
  private stderr = "";
  private poll: ReturnType<typeof setInterval> | undefined;

  constructor(
    command: readonly string[],
    private readonly limits: ChildLimits,
    private readonly events: ProcessEvents,
  ) {
    const env = Object.fromEntries(environmentNames.map((name) => [name, process.env[name]]));
    try {
      // A group of its own: Ctrl-C in a terminal goes to everything in the parent's group, and a child that dies of it
      // first would look to the parent like a model that crashed.
      const pipes = { stdin: "pipe", stdout: "pipe", stderr: "pipe", env, detached: true } as const;
      this.subprocess = Bun.spawn(limitedCommand(command, limits), pipes);
    } catch (error) {
      this.failure = { kind: "failed", reason: "not-started", detail: messageOf(error) };
      return;
    }
    this.poll = setInterval(() => this.check(), memoryPollMilliseconds);
    this.poll.unref();
    void this.read(this.subprocess);
  }

  /** Says one line. When the pipe is broken the process has ended, and how it ended is what gets reported. */
  send(value: unknown): void {
    try {
      this.subprocess?.stdin.write(`${JSON.stringify(value)}\n`);
      void Promise.resolve(this.subprocess?.stdin.flush()).catch(() => undefined);
    } catch {
      return;
    }
  }

  /** From now on it has work: the limits of a request count. */
  startRequest(): void {
    this.busyMillisecondsBefore = 0;
    this.outputBytes = 0;
    this.resumeRequest();
  }

  /** It waits for its parent: until the request is resumed, only the time in all counts. */
  pauseRequest(): void {
    if (this.busySince !== undefined) this.busyMillisecondsBefore += performance.now() - this.busySince;
    this.busySince = undefined;
  }

  resumeRequest(): void {
    this.busySince = this.heardAt = performance.now();
  }

  endRequest(): void {
    this.busySince = undefined;
  }

  /** Ends it for a reason. The first reason counts: what follows is its consequence. */
  fail(reason: FailureReason, detail: string): void {
    this.failure ??= { kind: "failed", reason, detail };
    this.kill();
  }

  kill(): void {
    this.subprocess?.kill("SIGKILL");
  }

  /** Lets it end by itself for a moment; returns when it is gone. */
  async close(): Promise<void> {
    if (this.subprocess === undefined) return;
    await Promise.resolve(this.subprocess.stdin.end()).catch(() => undefined);
    const timer = setTimeout(() => this.kill(), closeMilliseconds);
    await this.subprocess.exited;
    clearTimeout(timer);
    clearInterval(this.poll);
  }

  private async read(subprocess: Subprocess): Promise<void> {
    const errors = this.readStderr(subprocess.stderr);
    try {
      for await (const line of readLines(subprocess.stdout, this.limits.lineBytesMax)) {
        this.heardAt = performance.now();
        this.outputBytes += line.length;
        if (this.outputBytes > this.limits.outputBytesMax)
          this.fail("output-too-large", `more than ${this.limits.outputBytesMax} bytes for one request`);
        if (this.failure !== undefined) break;
        this.events.onLine(line);
      }
    } catch (error) {
      this.fail("output-too-large", messageOf(error));
    }
    const code = await subprocess.exited;
    await errors;
    clearInterval(this.poll);
    this.failure ??= this.ending(code, subprocess.signalCode as NodeJS.Signals | null);
    this.events.onEnd(this.failure);
  }

  private ending(code: number, signal: NodeJS.Signals | null): ChildFailure {
    const words = firstLines(this.stderr);
    const said = words === "" ? "" : `; it said: ${words}`;
    // Nobody but the kernel's out-of-memory killer sends this signal unasked: our own kills have named their reason.
    if (signal === "SIGKILL")
      return { kind: "failed", reason: "out-of-memory", detail: `killed by the system, most likely for memory${said}` };
    return { kind: "failed", reason: "child-crashed", detail: `ended by ${signal ?? `exit code ${code}`}${said}` };
  }

  private async readStderr(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream)
      this.stderr = (this.stderr + decoder.decode(bytes, { stream: true })).slice(0, stderrCharactersKept);
  }

  private check(): void {
    if (this.subprocess === undefined || this.failure !== undefined) return;
    const { memoryBytesMax, totalSecondsMax, requestSecondsMax, silenceSecondsMax } = this.limits;
    const bytes = anonymousBytes(this.subprocess.pid);
    this.memoryBytesPeak = Math.max(this.memoryBytesPeak, bytes);
    const now = performance.now();
    if (bytes > memoryBytesMax)
      this.fail("out-of-memory", `${bytes} bytes of anonymous memory, the limit is ${memoryBytesMax}`);
    if (now - this.startedAt > totalSecondsMax * 1000)
      this.fail("timed-out", `longer than ${totalSecondsMax} s in all`);
    if (this.busySince === undefined) return;
    if (this.busyMillisecondsBefore + now - this.busySince > requestSecondsMax * 1000)
      this.fail("timed-out", `longer than ${requestSecondsMax} s for one request`);
    if (now - this.heardAt > silenceSecondsMax * 1000) this.fail("timed-out", `no result for ${silenceSecondsMax} s`);
  }
}

/** Lines of a stack, and of the source that some programs show before they say what went wrong there. */
const placePattern = /^\s*(?:\d+ \||\^|at |\d+: )/;

/** A program that dies says why in a line or two, and at length how it came to it. */
function firstLines(stderr: string): string {
  const lines = printable(stderr)
    .split("\n")
    .filter((line) => line.trim() !== "" && !placePattern.test(line));
  return lines.slice(0, 2).join(" ").slice(0, 400);
}
