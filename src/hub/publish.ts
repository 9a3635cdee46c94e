/**
 * The hub's side of publishing a model: each step a function that can be called again, finds what is done already, and
 * returns a value, so that the miner records every step and goes on after any interruption.
 *
 *   createPrivate → upload("model") → upload("tokenizer") → compareFresh → (the chain) → setVisibility → compareFresh
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { backOffMs } from "./bounds.ts";
import {
  type CallOptions,
  commitFiles,
  createRepository,
  listFiles,
  type RemoteFile,
  repositoryInfo,
  type Source,
} from "./client.ts";
import { type Hub, sleep } from "./connection.ts";
import { type Digest, digestFile, matches } from "./digests.ts";
import { type DownloadedFile, type DownloadOptions, downloadModel } from "./download.ts";
import { isLoaderFile, isTokenizerFile, pathProblem } from "./loader-files.ts";
import { diskFailure, type HubResult, ok, refused, retry } from "./outcome.ts";
import { UploadJournal } from "./upload-journal.ts";

/** A file of the model as it lies on disk here. */
export interface LocalFile extends Digest {
  readonly path: string;
}

export type Portion = "model" | "tokenizer";

export interface PublishProgress {
  /** Bytes that have been hashed or have arrived, of those that had to. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** The hub as a stranger sees it. */
export function withoutToken(hub: Hub): Hub {
  return { ...hub, token: undefined };
}

/** The files of a model folder that a loader reads, with their hashes: what will be published. Sorted by path. */
export async function readLocalModel(
  folder: string,
  options: CallOptions & { readonly onProgress?: (progress: PublishProgress) => void } = {},
): Promise<HubResult<readonly LocalFile[]>> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory() && isLoaderFile(entry.name)).map(({ name }) => name);
    for (const name of names) {
      const problem = pathProblem(name);
      if (problem !== null) return refused("request-refused", `${JSON.stringify(name)} ${problem}: rename the file`);
    }
    const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).then(({ size }) => size)));
    const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
    const files: LocalFile[] = [];
    let doneBytes = 0;
    for (const path of names.sort()) {
      files.push({ path, ...(await digestFile(join(folder, path), options.signal)) });
      doneBytes += files.at(-1)!.sizeBytes;
      options.onProgress?.({ doneBytes, totalBytes });
    }
    return files.length > 0 ? ok(files) : refused("request-refused", `${folder} holds no file of a model`);
  } catch (error) {
    const failure = diskFailure(error);
    if (failure !== null) return failure;
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return refused("request-refused", `${folder} does not exist`);
    throw error;
  }
}

/**
 * Creates the repository, private. One that is there and private is taken as it is; one that is public is refused, since
 * everybody would see the model before it is committed on the chain.
 */
export async function createPrivate(
  hub: Hub,
  options: CallOptions & { readonly repo: string },
): Promise<HubResult<{ readonly created: boolean }>> {
  const created = await createRepository(hub, { ...options, private: true });
  if (created.kind === "ok") return ok({ created: true });
  // A creation whose answer was lost looks like a repository that exists: what is there decides.
  const exists = created.kind === "refused" && created.reason === "exists";
  if (!exists && created.kind !== "retry") return created;
  const info = await repositoryInfo(hub, options);
  if (info.kind !== "ok") return exists ? info : created;
  if (!info.value.private) return refused("exists", `${options.repo} is there already, and public`);
  return ok({ created: false });
}

/**
 * Brings one portion of the model into the repository in one commit and returns the revision that holds it. Files that
 * are there with the same bytes are not sent; files of the same portion that the folder does not have are removed. Parts
 * of large files that have arrived are remembered in `journalFile`.
 */
export async function upload(
  hub: Hub,
  options: CallOptions & {
    readonly repo: string;
    readonly folder: string;
    /** Of `readLocalModel`. */
    readonly files: readonly LocalFile[];
    readonly portion: Portion;
    readonly journalFile: string;
    readonly onProgress?: (progress: PublishProgress) => void;
  },
): Promise<HubResult<{ readonly revision: string; readonly sentFiles: number }>> {
  const isOurs = (path: string) => isLoaderFile(path) && isTokenizerFile(path) === (options.portion === "tokenizer");
  const ours = options.files.filter(({ path }) => isOurs(path));
  let sentFiles = 0;
  for (let attempt = 1; ; attempt++) {
    const head = await repositoryInfo(hub, options);
    if (head.kind !== "ok") return head;
    const { revision } = head.value;
    const listed = await listFiles(hub, { ...options, revision });
    if (listed.kind !== "ok") return listed;
    const missing = missingFrom(listed.value, ours);
    const surplus = listed.value.filter(({ path }) => isOurs(path) && !ours.some((file) => file.path === path));
    if (missing.length === 0 && surplus.length === 0) return ok({ revision, sentFiles });
    const committed = await send(hub, { ...options, missing, surplus, parentCommit: revision });
    sentFiles = missing.length;
    // Whether a commit happened whose answer was lost is seen by looking again.
    if (committed.kind !== "ok" && !(committed.kind === "retry" && attempt < hub.bounds.attemptsMax)) return committed;
    if (attempt >= hub.bounds.attemptsMax) return retry("transfer-corrupt", "the hub does not keep what it was sent");
    if (committed.kind !== "ok") await sleep(backOffMs(attempt + 1, hub.bounds), options.signal);
  }
}

async function send(
  hub: Hub,
  options: CallOptions & {
    readonly repo: string;
    readonly folder: string;
    readonly portion: Portion;
    readonly missing: readonly LocalFile[];
    readonly surplus: readonly RemoteFile[];
    readonly parentCommit: string;
    readonly journalFile: string;
    readonly onProgress?: (progress: PublishProgress) => void;
  },
): Promise<HubResult<{ readonly revision: string }>> {
  const journal = await UploadJournal.open(options.journalFile);
  const totalBytes = options.missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  options.onProgress?.({ doneBytes, totalBytes });
  const counted = (network: typeof fetch): typeof fetch => {
    const journaled = journal.intercept(network);
    const counting = async (input: RequestInfo | URL, init: RequestInit = {}) => {
      const response = await journaled(input, init);
      if (init.method === "PUT" && init.body instanceof Blob) {
        doneBytes += init.body.size;
        options.onProgress?.({ doneBytes, totalBytes });
      }
      return response;
    };
    return Object.assign(counting, { preconnect: network.preconnect });
  };
  const committed = await commitFiles(hub, {
    ...options,
    title: `Upload ${options.portion}`,
    operations: [
      // Never a file: address: the library would wrap it in a Blob whose body the runtime drops, and send nothing.
      ...options.missing.map(({ path }) => ({
        operation: "addOrUpdate" as const,
        path,
        content: Bun.file(join(options.folder, path)),
      })),
      ...options.surplus.map(({ path }) => ({ operation: "delete" as const, path })),
    ],
    intercept: counted,
  });
  if (committed.kind === "ok") options.onProgress?.({ doneBytes: totalBytes, totalBytes });
  return committed;
}

/**
 * Downloads the published model into an empty folder and compares it with what was meant to be published. The files come
 * back with their digests: the hash that goes on the chain is made of what everybody else will get.
 */
export async function compareFresh(
  hub: Hub,
  options: Omit<DownloadOptions, "bytesMax"> &
    Source & { readonly files: readonly LocalFile[]; readonly bytesMax?: number },
): Promise<HubResult<{ readonly files: readonly DownloadedFile[] }>> {
  const downloaded = await downloadModel(hub, { bytesMax: Number.MAX_SAFE_INTEGER, ...options });
  if (downloaded.kind !== "downloaded") return downloaded;
  const difference = differenceBetween(options.files, downloaded.files);
  if (difference !== null) return refused("conflict", `${options.repo} at ${options.revision} ${difference}`);
  return ok({ files: downloaded.files });
}

function missingFrom(remote: readonly RemoteFile[], local: readonly LocalFile[]): LocalFile[] {
  const there = new Map(remote.map((file) => [file.path, file]));
  return local.filter((file) => {
    const found = there.get(file.path);
    return found === undefined || !matches(found, file);
  });
}

function differenceBetween(local: readonly LocalFile[], fresh: readonly DownloadedFile[]): string | null {
  const wanted = new Map(local.map(({ path, sha256 }) => [path, sha256]));
  for (const { path, sha256 } of fresh) {
    if (!wanted.has(path)) return `also holds ${path}`;
    if (wanted.get(path) !== sha256) return `has other bytes in ${path}`;
    wanted.delete(path);
  }
  const [lacking] = wanted.keys();
  return lacking === undefined ? null : `lacks ${lacking}`;
}
