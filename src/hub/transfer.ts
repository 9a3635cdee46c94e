/** One file from the hub to disk, by ranges, verified, under its name only when it is whole. */
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { InterruptedError } from "../base/errors.ts";
import { backOffMs } from "./bounds.ts";
import type { CallOptions, RemoteFile, Source } from "./client.ts";
import { chunksOf, type Hub, sleep, transportFailure } from "./connection.ts";
import { Digests, matches } from "./digests.ts";
import { openFile, rangeStart } from "./inspect.ts";
import { diskFailure, type HubFailure, type HubResult, ok, retry } from "./outcome.ts";

interface FileOptions extends CallOptions, Source {
  readonly file: RemoteFile;
  /** Where the file belongs; beside it `.part` holds what has arrived. */
  readonly target: string;
  /** Called with the bytes that are there, of this file. */
  readonly onBytes: (bytes: number) => void;
}

/** Downloads one file, or finds it there already; returns the SHA-256 of what is on disk in lower-case hex. */
export async function downloadFile(hub: Hub, options: FileOptions): Promise<HubResult<{ readonly sha256: string }>> {
  const { file, target } = options;
  try {
    const there = await verifiedOnDisk(target, file, options.signal);
    if (there !== null) {
      options.onBytes(file.sizeBytes);
      return ok({ sha256: there });
    }
    for (let corrupt = 0; ; corrupt++) {
      const arrived = await arriveWhole(hub, options);
      if (arrived.kind === "ok") {
        await rename(`${target}.part`, target);
        return arrived;
      }
      if (arrived.kind !== "retry" || arrived.reason !== "transfer-corrupt") return arrived;
      // Nothing in wrong bytes is worth keeping: it is not known which of them are wrong.
      await rm(`${target}.part`, { force: true });
      if (corrupt >= hub.bounds.corruptMax) return arrived;
    }
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    const failure = diskFailure(error);
    if (failure === null) throw error;
    return failure;
  }
}

/** Appends to the part until the file is whole, and compares it with what the tree said. */
async function arriveWhole(hub: Hub, options: FileOptions): Promise<HubResult<{ sha256: string }>> {
  const { file, target, signal } = options;
  const part = await openPart(`${target}.part`);
  try {
    const digests = new Digests(file.sizeBytes);
    let have = await digests.readFrom(part, signal);
    await part.truncate(have);
    let without = 0;
    // Tries are counted from the last one that brought something: a slow link is not a dead one.
    while (have < file.sizeBytes) {
      const before = have;
      const { bytes, failure } = await appendRange(hub, options, { part, digests, have });
      have = bytes;
      if (failure === null) continue;
      without = have > before ? 0 : without + 1;
      if (failure.kind !== "retry" || failure.reason === "transfer-corrupt") return failure;
      const pause = failure.retryAfterMs ?? 0;
      if (without >= hub.bounds.attemptsMax || pause > hub.bounds.pauseMsMax) return failure;
      await sleep(Math.max(pause, backOffMs(without + 2, hub.bounds)), signal);
    }
    await part.sync();
    const digest = digests.end();
    return matches(file, digest)
      ? ok({ sha256: digest.sha256 })
      : retry("transfer-corrupt", `${file.path} does not have the hash that the hub states`);
  } finally {
    await part.close();
  }
}

/** One answer's worth of bytes. A body that ends early is a failure like a broken connection. */
async function appendRange(
  hub: Hub,
  options: FileOptions,
  state: { readonly part: FileHandle; readonly digests: Digests; readonly have: number },
): Promise<{ readonly bytes: number; readonly failure: HubFailure | null }> {
  const { file, signal, onBytes } = options;
  let have = state.have;
  const headers: Record<string, string> = have === 0 ? {} : { Range: `bytes=${have}-` };
  const opened = await openFile(hub, { ...options, path: file.path, headers, attemptsMax: 1 });
  if (opened.kind !== "ok") return { bytes: have, failure: opened };
  try {
    if (rangeStart(opened.value) !== have) {
      await opened.value.body?.cancel();
      return { bytes: have, failure: retry("transfer-corrupt", `${file.path}: the hub does not continue where asked`) };
    }
    for await (const chunk of chunksOf(opened.value, hub.bounds)) {
      // More than announced never touches the disk.
      if (have + chunk.byteLength > file.sizeBytes)
        return {
          bytes: have,
          failure: retry("transfer-corrupt", `${file.path} is longer than the ${file.sizeBytes} bytes announced`),
        };
      await state.part.write(chunk, 0, chunk.byteLength, have);
      state.digests.update(chunk);
      have += chunk.byteLength;
      onBytes(have);
      if (signal?.aborted) throw new InterruptedError();
    }
  } catch (error) {
    if (diskFailure(error) !== null || error instanceof InterruptedError) throw error;
    return { bytes: have, failure: transportFailure(error, { signal }) };
  }
  const failure = have < file.sizeBytes ? retry("unreachable", `${file.path} ended after ${have} bytes`) : null;
  return { bytes: have, failure };
}

/** A plain file to append to. A link left in its place by somebody else is refused by the system. */
function openPart(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
}

/** The digest of a whole file that is there already; null when it is missing or is not what the tree says. */
async function verifiedOnDisk(path: string, file: RemoteFile, signal?: AbortSignal): Promise<string | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (handle === null) return null;
  try {
    const status = await handle.stat();
    if (!status.isFile() || status.size !== file.sizeBytes) return null;
    const digests = new Digests(file.sizeBytes);
    await digests.readFrom(handle, signal);
    const digest = digests.end();
    return matches(file, digest) ? digest.sha256 : null;
  } finally {
    await handle.close();
  }
}
