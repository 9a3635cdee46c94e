/**
 * Downloaded models, one folder for each repository and revision. A model is marked by a lock while it is in use, which
 * the operating system drops with the process; what is in use is never deleted, also not by another process.
 *
 *   FOLDER/namespace@name@revision/files/…       the model's files
 *   FOLDER/namespace@name@revision/model.json    repository, revision and digests, written when everything is there
 *   FOLDER/locks/namespace@name@revision         shared while in use, exclusive while downloaded or deleted
 */
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type FileLock, lockFile } from "../base/file-lock.ts";
import { type Source, sourceProblem } from "./client.ts";
import { type Hub, sleep } from "./connection.ts";
import { type DownloadedModel, type DownloadOptions, downloadModel } from "./download.ts";
import { diskFailure, type HubFailure, invalid, refused } from "./outcome.ts";

export interface CachedModel extends DownloadedModel {
  /** Ends the use; idempotent. Until then the files stay. */
  release(): void;
}

export interface CacheEntry extends Source {
  readonly bytes: number;
  readonly inUse: boolean;
  /** Milliseconds since 1970. */
  readonly lastUsedMs: number;
}

export interface ModelCache {
  /** Finds a model or downloads it, evicting what has not been used for longest when space is short. */
  acquire(hub: Hub, options: Omit<DownloadOptions, "folder">): Promise<CachedModel | HubFailure>;
  /** Deletes one model unless it is in use; true when it is gone. */
  remove(source: Source): Promise<boolean>;
  /** Deletes every model that `keep` does not name and nobody uses; returns the bytes freed. */
  removeOthers(keep: readonly Source[]): Promise<number>;
  entries(): Promise<CacheEntry[]>;
}

const recordSchema = z.object({
  repo: z.string(),
  revision: z.string(),
  files: z.array(z.object({ path: z.string(), sizeBytes: z.number(), sha256: z.string() })),
  bytes: z.number(),
});

/** Opens the cache in a folder, which is made when missing. `bytesMax` bounds everything below it. */
export function openModelCache({
  folder,
  bytesMax,
}: {
  readonly folder: string;
  readonly bytesMax: number;
}): ModelCache {
  return {
    async acquire(hub, options) {
      try {
        return await acquire({ folder, bytesMax }, hub, options);
      } catch (error) {
        const failure = diskFailure(error);
        if (failure === null) throw error;
        return failure;
      }
    },
    remove: (source) => removeUnused(folder, keyOf(source)),
    async removeOthers(keep) {
      const kept = new Set(keep.map(keyOf));
      let freed = 0;
      for (const entry of await entriesOf(folder))
        if (!kept.has(entry.key) && (await removeUnused(folder, entry.key))) freed += entry.bytes;
      return freed;
    },
    entries: () => entriesOf(folder),
  };
}

const revisionPattern = /^[0-9a-f]{40}$/;

interface Place {
  readonly folder: string;
  readonly bytesMax: number;
}

async function acquire(
  place: Place,
  hub: Hub,
  options: Omit<DownloadOptions, "folder">,
): Promise<CachedModel | HubFailure> {
  const problem = sourceProblem(options);
  if (problem !== null) return problem;
  if (!revisionPattern.test(options.revision))
    return invalid("revision-missing", "the revision is not a commit's 40 hex digits, and a branch may move");
  const key = keyOf(options);
  await mkdir(join(place.folder, "locks"), { recursive: true });
  for (;;) {
    const found = await useComplete(place.folder, key);
    if (found !== null) return found;
    const lock = lockOf(place.folder, key, "exclusive");
    if (lock === undefined) {
      // Another process downloads or deletes this very model: what it leaves is looked at again.
      await sleep(200, options.signal);
      continue;
    }
    try {
      const failure = await download(place, key, hub, options);
      if (failure !== null) return failure;
    } finally {
      lock.release();
    }
  }
}

/** The model, locked for use, when it is complete. The lock comes first: what is looked at then stays. */
async function useComplete(cache: string, key: string): Promise<CachedModel | null> {
  const lock = lockOf(cache, key, "shared");
  if (lock === undefined) return null;
  const folder = join(cache, key);
  const record = await readRecord(folder);
  if (record === null) {
    lock.release();
    return null;
  }
  const now = new Date();
  await utimes(join(folder, "model.json"), now, now);
  const { files, bytes } = record;
  return { kind: "downloaded", folder: join(folder, "files"), files, bytes, release: () => lock.release() };
}

/** Null: the model is there. The caller holds the model's lock. */
async function download(
  place: Place,
  key: string,
  hub: Hub,
  options: Omit<DownloadOptions, "folder">,
): Promise<HubFailure | null> {
  const folder = join(place.folder, key);
  // Somebody may have finished it while the lock was waited for.
  if ((await readRecord(folder)) !== null) return null;
  const outcome = await downloadModel(hub, {
    ...options,
    folder: join(folder, "files"),
    beforeTransfer: (bytes) => makeRoom(place, key, bytes),
  });
  if (outcome.kind !== "downloaded") {
    // A model that is its owner's fault will not be asked for again; of others the parts are kept to go on from.
    if (outcome.kind === "invalid") await rm(folder, { recursive: true, force: true });
    return outcome;
  }
  const { repo, revision } = options;
  const aside = join(folder, "model.json.aside");
  await writeFile(aside, JSON.stringify({ repo, revision, files: outcome.files, bytes: outcome.bytes }));
  await rename(aside, join(folder, "model.json"));
  return null;
}

/** Deletes unused models, the one not used for longest first, until the wanted bytes fit under the bound. */
async function makeRoom({ folder, bytesMax }: Place, key: string, wantedBytes: number): Promise<HubFailure | null> {
  const others = (await entriesOf(folder)).filter((entry) => entry.key !== key);
  let used = others.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const entry of others.sort((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (used + wantedBytes <= bytesMax) break;
    if (await removeUnused(folder, entry.key)) used -= entry.bytes;
  }
  if (used + wantedBytes <= bytesMax) return null;
  return refused(
    "disk-full",
    `the model needs ${wantedBytes} bytes; ${used} of the ${bytesMax} allowed in ${folder} are in use`,
  );
}

/** Deletes a model's folder unless its lock says that it is in use. True: it is gone. */
async function removeUnused(cache: string, key: string): Promise<boolean> {
  const folder = join(cache, key);
  if (!(await exists(folder))) return true;
  const lock = lockOf(cache, key, "exclusive");
  if (lock === undefined) return false;
  try {
    // The record goes first, so that a deletion cut off leaves an incomplete model and not a damaged one.
    await rm(join(folder, "model.json"), { force: true });
    await rm(folder, { recursive: true, force: true });
    return true;
  } finally {
    lock.release();
  }
}

async function entriesOf(folder: string): Promise<(CacheEntry & { readonly key: string })[]> {
  const names = await readdir(folder).catch(() => []);
  const entries = names.map(async (key) => {
    const path = join(folder, key);
    const source = sourceOf(key);
    if (source === null) return null;
    const lock = lockOf(folder, key, "exclusive");
    lock?.release();
    const used = await stat(join(path, "model.json")).catch(() => stat(path));
    const entry = { key, ...source, bytes: await bytesBelow(path), inUse: lock === undefined };
    return { ...entry, lastUsedMs: used.mtimeMs };
  });
  // A folder may be deleted by another process while it is looked at.
  const settled = await Promise.all(entries.map((entry) => entry.catch(() => null)));
  return settled.filter((entry) => entry !== null);
}

async function bytesBelow(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(files.map((file) => stat(join(folder, file)).then((s) => (s.isFile() ? s.size : 0))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The lock's file stays for ever: one that was deleted while somebody waited for it would lock nothing. */
function lockOf(cache: string, key: string, kind: "shared" | "exclusive"): FileLock | undefined {
  return lockFile(join(cache, "locks", key), kind);
}

async function readRecord(folder: string): Promise<z.infer<typeof recordSchema> | null> {
  const file = Bun.file(join(folder, "model.json"));
  if (!(await file.exists())) return null;
  const parsed = recordSchema.safeParse(await file.json().catch(() => null));
  if (!parsed.success) return null;
  const sizes = await Promise.all(parsed.data.files.map(({ path }) => Bun.file(join(folder, "files", path)).size));
  return sizes.every((size, index) => size === parsed.data.files[index]!.sizeBytes) ? parsed.data : null;
}

/** The slash becomes a character that no name may hold, so that two models never share a folder. */
function keyOf({ repo, revision }: Source): string {
  return `${repo.replace("/", "@")}@${revision}`;
}

function sourceOf(key: string): Source | null {
  const match = /^([^@]+)@([^@]+)@([0-9a-f]{40})$/.exec(key);
  return match === null ? null : { repo: `${match[1]}/${match[2]}`, revision: match[3]! };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
