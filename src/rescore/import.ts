/** Takes in a state that somebody published: a file or an address, checked wholly before it is kept under its name. */
import { createWriteStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FailureError, InterruptedError, messageOf, OperatorError } from "../base/errors.ts";
import { checkFile } from "../store/check.ts";

export interface ImportOptions {
  /** A path, or an http(s) address. */
  readonly source: string;
  /** Must not exist. */
  readonly target: string;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  /** Bytes received so far, and in all where the server says so. */
  readonly onProgress?: (received: number, total: number | undefined) => void;
}

/** Returns the size in bytes. Throws `OperatorError` or `FailureError`; `target` then does not exist. */
export async function importState(options: ImportOptions): Promise<number> {
  const target = resolve(options.target);
  if (existsSync(target))
    throw new OperatorError(`${target} exists already.`, "Give the name of a new file with --db.");
  if (!existsSync(dirname(target)))
    throw new OperatorError(
      `The folder ${dirname(target)} does not exist.`,
      "Create it, or give another path with --db.",
    );
  const partial = `${target}.partial-${process.pid}`;
  try {
    if (/^https?:\/\//.test(options.source)) await download(options, partial);
    else await copy(options, partial);
    const report = await checkFile(partial);
    if (!report.sound)
      throw new FailureError(
        `${options.source} is not sound (${[...report.complaints, ...report.disagreements][0] ?? "it cannot be read"}).`,
        "Get it again, or from somebody else.",
      );
    renameSync(partial, target);
    return statSync(target).size;
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(partial + suffix, { force: true });
  }
}

async function copy({ source, bytesMax }: ImportOptions, partial: string): Promise<void> {
  if (!existsSync(source)) throw new OperatorError(`There is no file ${source}.`, "Give a path or an https address.");
  const sizeBytes = statSync(source).size;
  if (sizeBytes > bytesMax) throw tooLarge(source, bytesMax);
  if ((statSync(`${source}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0)
    throw new OperatorError(
      `${source} is in use: part of it is in its log.`,
      "Make a copy with `finetune export state`, and import that.",
    );
  await copyFile(source, partial);
}

async function download({ source, bytesMax, signal, onProgress }: ImportOptions, partial: string): Promise<void> {
  try {
    const response = await fetch(source, { signal });
    if (!response.ok || response.body === null)
      throw new FailureError(`${source} answered ${response.status}.`, "Check the address.");
    const announced = Number(response.headers.get("content-length"));
    const total = announced > 0 ? announced : undefined;
    let received = 0;
    const counted = new Transform({
      transform(chunk: Uint8Array, _, done) {
        received += chunk.length;
        onProgress?.(received, total);
        done(received > bytesMax ? tooLarge(source, bytesMax) : null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body as never), counted, createWriteStream(partial), { signal });
  } catch (error) {
    if (signal.aborted) throw new InterruptedError();
    if (error instanceof FailureError || error instanceof OperatorError) throw error;
    throw new FailureError(`${source} cannot be fetched (${messageOf(error)}).`, "Check the address and try again.");
  }
}

function tooLarge(source: string, bytesMax: number): OperatorError {
  return new OperatorError(`${source} is larger than ${bytesMax} bytes.`, "Raise --max-bytes if you trust it.");
}
