/**
 * Opening files of a folder that a stranger filled. A link could lead to the operator's secrets, a FIFO would block for
 * ever, a device could do anything when read: only plain files that really lie in the folder are opened, never waiting.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Invalid, invalid } from "../base/invalid.ts";
import type { ModelFile } from "./files.ts";

/**
 * `refuse`: no entry may be a link. `hub-cache`: an entry may be a link into `../../blobs`, the layout of a snapshot
 * folder of a Hugging Face cache, and nowhere else.
 */
export type Links = "refuse" | "hub-cache";

export interface OpenFile extends ModelFile {
  readonly handle: FileHandle;
}

/**
 * Opens a plain file of a folder for reading. The caller closes it (`await using`).
 * @param folder an absolute path without links (`realpath`)
 * @param name a file's name, no path
 */
export async function openUntrusted(folder: string, name: string, links: Links): Promise<OpenFile | Invalid> {
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name))
    return invalid(
      "file-name-refused",
      `${JSON.stringify(name.slice(0, 120))} is not the name of a file in the folder`,
    );
  try {
    const path = await resolveEntry(folder, name, links);
    return typeof path === "string" ? await openPlain(path, name) : path;
  } catch (error) {
    return fileError(name, error);
  }
}

/** Fills `target` from an offset. Rejects when the file ends before. */
export async function readInto(handle: FileHandle, target: Uint8Array, offsetBytes: number): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, offsetBytes + done);
    if (bytesRead === 0) throw new Error("the file became shorter while it was read");
    done += bytesRead;
  }
}

async function resolveEntry(folder: string, name: string, links: Links): Promise<string | Invalid> {
  const path = join(folder, name);
  const status = await lstat(path);
  if (status.isFile()) return path;
  if (!status.isSymbolicLink()) return invalid("file-not-regular", `${name} is not a plain file`);
  if (links === "refuse") return invalid("file-link-refused", `${name} is a link`);
  const target = await realpath(path);
  if (dirname(target) === join(folder, "..", "..", "blobs")) return target;
  return invalid("file-link-refused", `${name} is a link out of the cache's blobs`);
}

/** The entry may have changed since it was looked at, so the flags and the check of the open file are what counts. */
async function openPlain(path: string, name: string): Promise<OpenFile | Invalid> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  const status = await handle.stat();
  if (!status.isFile()) {
    await handle.close();
    return invalid("file-not-regular", `${name} is not a plain file`);
  }
  return {
    kind: "file",
    handle,
    path,
    sizeBytes: status.size,
    async read({ offsetBytes, lengthBytes }) {
      const bytes = new Uint8Array(lengthBytes);
      return await readInto(handle, bytes, offsetBytes).then(
        () => bytes,
        (error) => fileError(name, error),
      );
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

function fileError(name: string, error: unknown): Invalid {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT") return invalid("file-missing", `${name} is missing`);
  if (code === "ELOOP") return invalid("file-link-refused", `${name} is a link that leads nowhere`);
  return invalid("file-unreadable", `${name} cannot be read${code === "" ? "" : ` (${code})`}`);
}
