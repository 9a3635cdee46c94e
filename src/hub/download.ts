/**
 * A model from the hub to a folder: only the files that a loader reads, every byte checked against what the hub's tree
 * says, continued where an interruption left it.
 */
import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { CallOptions, RemoteFile, Source } from "./client.ts";
import type { Hub } from "./connection.ts";
import { listModel } from "./inspect.ts";
import { diskFailure, type HubFailure, invalid, refused } from "./outcome.ts";
import { downloadFile } from "./transfer.ts";

export interface DownloadedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface DownloadedModel {
  readonly kind: "downloaded";
  readonly folder: string;
  /** Sorted by path; what the directory's hash is made of. */
  readonly files: readonly DownloadedFile[];
  readonly bytes: number;
}

export interface Progress {
  /** The file that is on its way. */
  readonly path: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface DownloadOptions extends CallOptions, Source {
  /** An existing or new folder; nothing else may be in it. */
  readonly folder: string;
  /** The limit on the bytes of the whole revision, files that are not downloaded included. */
  readonly bytesMax: number;
  readonly onProgress?: (progress: Progress) => void;
  /** Asked with the bytes to come before the first is transferred; a failure ends the download. */
  readonly beforeTransfer?: (bytes: number) => Promise<HubFailure | null>;
}

/**
 * Downloads a model. Files that are there already with the right bytes are not asked for again. The outcome says whose
 * fault a failure is; after one of kind `retry` call again with the same folder. Throws `InterruptedError` only.
 */
export async function downloadModel(hub: Hub, options: DownloadOptions): Promise<DownloadedModel | HubFailure> {
  const { folder, bytesMax, onProgress } = options;
  const listed = await listModel(hub, options);
  if (listed.kind !== "ok") return listed;
  const { files, modelBytes, repositoryBytes } = listed.value;
  if (repositoryBytes > bytesMax)
    return invalid("too-large", `the repository has ${repositoryBytes} bytes, the limit is ${bytesMax}`);
  const room = (await options.beforeTransfer?.(modelBytes)) ?? (await makeRoom(folder, modelBytes));
  if (room !== null) return room;
  const done: DownloadedFile[] = [];
  let doneBytes = 0;
  for (const file of files) {
    const before = doneBytes;
    const outcome = await downloadFile(hub, {
      ...options,
      file,
      target: join(folder, file.path),
      onBytes: (bytes) => onProgress?.({ path: file.path, doneBytes: before + bytes, totalBytes: modelBytes }),
    });
    if (outcome.kind !== "ok") return outcome;
    doneBytes += file.sizeBytes;
    done.push(described(file, outcome.value.sha256));
  }
  return { kind: "downloaded", folder, files: done, bytes: modelBytes };
}

function described({ path, sizeBytes }: RemoteFile, sha256: string): DownloadedFile {
  return { path, sizeBytes, sha256 };
}

/** Makes the folder and asks whether the model can fit before its first byte is written. */
async function makeRoom(folder: string, wantedBytes: number): Promise<HubFailure | null> {
  try {
    await mkdir(folder, { recursive: true });
    const { bavail, bsize } = await statfs(folder);
    const freeBytes = bavail * bsize;
    return freeBytes < wantedBytes
      ? refused("disk-full", `the model needs ${wantedBytes} bytes and ${freeBytes} are free in ${folder}`)
      : null;
  } catch (error) {
    const failure = diskFailure(error);
    if (failure === null) throw error;
    return failure;
  }
}
