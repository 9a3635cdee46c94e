/** A file on disk, opened once it is known to be one: reading a pipe or a device could last for ever. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { InterruptedError, messageOf } from "../../base/errors.ts";
import { type Invalid, invalid } from "../../base/invalid.ts";
import { type ByteSource, ReadFailure } from "../parquet/byte-source.ts";

export interface LocalFile extends ByteSource {
  close(): Promise<void>;
}

export async function openLocalFile(path: string, signal?: AbortSignal): Promise<LocalFile | Invalid> {
  let handle: FileHandle;
  let sizeBytes: number;
  try {
    const found = await stat(path);
    if (!found.isFile()) return invalid("not-a-file", `${path} is not a file.`);
    handle = await open(path, "r");
    sizeBytes = found.size;
  } catch (error) {
    return invalid("unreadable", `${path} cannot be opened: ${messageOf(error)}.`);
  }
  return {
    name: path,
    sizeBytes,
    signal,
    read: (from, to) => readRange(handle, path, from, to, signal),
    close: () => handle.close(),
  };
}

async function readRange(handle: FileHandle, path: string, from: number, to: number, signal?: AbortSignal) {
  if (signal?.aborted) throw new InterruptedError();
  const bytes = new Uint8Array(to - from);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, from + done).catch((error: unknown) => {
      throw new ReadFailure(invalid("unreadable", `${path} cannot be read: ${messageOf(error)}.`));
    });
    if (bytesRead === 0) throw new ReadFailure(invalid("truncated", `${path} became shorter while it was read.`));
    done += bytesRead;
  }
  return bytes;
}
