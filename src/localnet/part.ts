/**
 * One part of the local subnet as a child process of the same program. It speaks one line of JSON when it is ready, and
 * ends when its standard input does: so it ends with its parent, also when that is killed.
 */
import { open } from "node:fs/promises";
import { FailureError, InterruptedError } from "../base/errors.ts";
import { selfCommand } from "../base/self.ts";

/** Well above what a slow machine needs; a part that takes longer has a fault to show. */
const readyMsMax = 60_000;
const closeMsMax = 5_000;

export interface Part {
  readonly name: string;
  /** What it said when it was ready. */
  readonly ready: unknown;
  /** Resolves when the process has ended, expected or not. */
  readonly ended: Promise<void>;
  /** Ends the process and waits for it. */
  close(): Promise<void>;
}

/**
 * Starts `finetune <args>` and waits until it is ready. Its log goes to `logFile`.
 * Throws `FailureError` when it ends or stays silent, `InterruptedError` when the signal aborts.
 */
export async function startPart(options: {
  readonly name: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<Part> {
  const log = await open(options.logFile, "a");
  const logged = (await log.stat()).size;
  const child = Bun.spawn([...selfCommand(...options.args)], { stdin: "pipe", stdout: "pipe", stderr: log.fd });
  await log.close();
  const ended = child.exited.then(() => undefined);
  const close = async () => {
    await child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), closeMsMax);
    await ended.finally(() => clearTimeout(timer));
  };
  try {
    const line = await firstLine(child.stdout, options.signal);
    return { name: options.name, ready: JSON.parse(line), ended, close };
  } catch (error) {
    await close();
    // Ctrl-C reaches every process of a terminal; the part may have heard of it first.
    if (error instanceof InterruptedError || child.signalCode === "SIGINT") throw new InterruptedError();
    const said = (await Bun.file(options.logFile).slice(logged).text()).trim().split("\n")[0];
    throw new FailureError(`The local ${options.name} does not start: ${said}`, `Its log is ${options.logFile}.`);
  }
}

/** The first line of a stream; throws when it ends before, when it takes too long, or when the signal aborts. */
async function firstLine(stream: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): Promise<string> {
  const reader = stream.getReader();
  const stop = () => reader.cancel();
  const timer = setTimeout(stop, readyMsMax);
  signal?.addEventListener("abort", stop);
  try {
    let text = "";
    while (!text.includes("\n")) {
      const { done, value } = await reader.read();
      if (signal?.aborted) throw new InterruptedError();
      if (done) throw new Error("no line");
      text += new TextDecoder().decode(value);
    }
    return text.slice(0, text.indexOf("\n"));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    reader.releaseLock();
  }
}
