/** Repositories on disk: a record, its branches, and one file per commit holding the whole list of files. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { blobId, commitId, type FileEntry, foldersOf, lfsPointer } from "./git.ts";
import type { ObjectStore } from "./objects.ts";
import { Refusal } from "./refusal.ts";

export const repositoryTypes = ["model", "dataset", "space"] as const;
export type RepositoryType = (typeof repositoryTypes)[number];

export interface RepositoryName {
  readonly type: RepositoryType;
  readonly namespace: string;
  readonly name: string;
}

export interface Repository extends RepositoryName {
  /** 24 hex digits, the Hub's internal id; a repository deleted and created again gets another. */
  readonly internalId: string;
  readonly private: boolean;
  readonly createdAt: string;
  /** Branch name → commit id. */
  readonly branches: Readonly<Record<string, string>>;
}

export interface Commit {
  readonly id: string;
  readonly parent: string | null;
  readonly title: string;
  readonly description: string;
  readonly author: string;
  readonly date: string;
  /** Sorted by path. */
  readonly files: readonly FileEntry[];
}

export interface CommitRequest {
  readonly branch: string;
  readonly title: string;
  readonly description: string;
  readonly author: string;
  /** The commit that the branch must still be at. */
  readonly parentCommit?: string;
  readonly added: readonly FileEntry[];
  /** Paths of files, or of folders with everything below. */
  readonly deleted: readonly string[];
}

const gitAttributes = new TextEncoder().encode("*.safetensors filter=lfs diff=lfs merge=lfs -text\n");

export class RepositoryStore {
  /** Writers of one repository wait for each other; the chain ends in the last writer's promise. */
  private readonly writers = new Map<string, Promise<unknown>>();

  constructor(
    private readonly folder: string,
    private readonly objects: ObjectStore,
  ) {}

  async find(name: RepositoryName): Promise<Repository | null> {
    return (await readJson(join(this.folderOf(name), "repository.json"))) as Repository | null;
  }

  async list(type: RepositoryType): Promise<Repository[]> {
    const found: Repository[] = [];
    for (const namespace of await names(join(this.folder, `${type}s`)))
      for (const name of await names(join(this.folder, `${type}s`, namespace))) {
        const repository = await this.find({ type, namespace, name });
        if (repository !== null) found.push(repository);
      }
    return found;
  }

  /** Creates a repository with the first commit that the Hub makes: `.gitattributes`. Null when it exists. */
  async create(name: RepositoryName, options: { readonly private: boolean; readonly author: string }) {
    return this.exclusively(name, async () => {
      if ((await this.find(name)) !== null) return null;
      const repository: Repository = {
        ...name,
        internalId: randomBytes(12).toString("hex"),
        private: options.private,
        createdAt: new Date().toISOString(),
        branches: {},
      };
      const { sha256, sizeBytes } = await this.objects.put(once(gitAttributes), { sizeBytesMax: gitAttributes.length });
      const file = { path: ".gitattributes", oid: blobId(gitAttributes), sizeBytes, sha256, lfs: false };
      const first = buildCommit(null, [file], { title: "initial commit", description: "", author: options.author });
      await this.writeCommit(name, first);
      return this.save({ ...repository, branches: { main: first.id } });
    });
  }

  async delete(name: RepositoryName): Promise<void> {
    // The record goes first: a repository without a record does not exist, whatever an interruption leaves behind.
    await this.exclusively(name, async () => {
      await rm(join(this.folderOf(name), "repository.json"), { force: true });
      await rm(this.folderOf(name), { recursive: true, force: true });
    });
  }

  /** Replaces the record of a repository by what `change` makes of it. */
  async change(name: RepositoryName, change: (repository: Repository) => Repository): Promise<Repository> {
    return this.exclusively(name, async () => {
      const repository = await this.find(name);
      if (repository === null) throw new Refusal(404, "Repository not found", "RepoNotFound");
      return this.save(change(repository));
    });
  }

  /** The commit that a branch name, `HEAD` or a 40-hex id stands for. */
  async resolve(repository: Repository, revision: string): Promise<Commit> {
    const branch = revision === "HEAD" ? "main" : revision;
    const id = Object.hasOwn(repository.branches, branch) ? repository.branches[branch]! : revision;
    const commit = /^[0-9a-f]{40}$/.test(id)
      ? ((await readJson(join(this.folderOf(repository), "commits", `${id}.json`))) as Commit | null)
      : null;
    if (commit === null) throw new Refusal(404, `Invalid rev id: ${revision}`, "RevisionNotFound");
    return commit;
  }

  /** Adds a commit to a branch. A change that leaves every file as it is makes no commit and returns the branch's. */
  async commit(name: RepositoryName, request: CommitRequest): Promise<Commit> {
    return this.exclusively(name, async () => {
      const repository = await this.find(name);
      if (repository === null) throw new Refusal(404, "Repository not found", "RepoNotFound");
      if (!Object.hasOwn(repository.branches, request.branch))
        throw new Refusal(404, `Invalid rev id: ${request.branch}`, "RevisionNotFound");
      const head = await this.resolve(repository, request.branch);
      if (request.parentCommit !== undefined && request.parentCommit !== head.id)
        throw new Refusal(412, "A commit has happened since. Please refresh and try again.");
      const files = new Map(head.files.map((file) => [file.path, file]));
      for (const path of request.deleted)
        for (const known of [...files.keys()])
          if (known === path || known.startsWith(`${path.replace(/\/$/, "")}/`)) files.delete(known);
      for (const file of request.added) files.set(file.path, file);
      refuseFilesAsFolders([...files.keys()]);
      const commit = buildCommit(head.id, [...files.values()], request);
      await this.writeCommit(name, commit);
      await this.save({ ...repository, branches: { ...repository.branches, [request.branch]: commit.id } });
      return commit;
    });
  }

  private folderOf({ type, namespace, name }: RepositoryName): string {
    return join(this.folder, `${type}s`, namespace, name);
  }

  private async writeCommit(name: RepositoryName, commit: Commit): Promise<void> {
    await writeJson(join(this.folderOf(name), "commits", `${commit.id}.json`), commit);
  }

  private async save(repository: Repository): Promise<Repository> {
    await writeJson(join(this.folderOf(repository), "repository.json"), repository);
    return repository;
  }

  private async exclusively<T>(name: RepositoryName, work: () => Promise<T>): Promise<T> {
    const key = this.folderOf(name);
    const before = this.writers.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.writers.set(
      key,
      mine.catch(() => undefined),
    );
    return mine;
  }
}

function buildCommit(
  parent: string | null,
  files: readonly FileEntry[],
  about: { readonly title: string; readonly description: string; readonly author: string },
): Commit {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const now = new Date();
  const id = commitId({
    treeOid: foldersOf(sorted).find(({ path }) => path === "")!.oid,
    parent,
    author: about.author,
    timeSeconds: Math.floor(now.getTime() / 1000),
    message: [about.title, about.description].filter((part) => part !== "").join("\n\n"),
  });
  const { title, description, author } = about;
  return { id, parent, title, description, author, date: now.toISOString(), files: sorted };
}

/** The entry of a file whose bytes are stored. */
export function fileEntry(
  path: string,
  stored: { sha256: string; sizeBytes: number },
  bytes: Uint8Array | "lfs",
): FileEntry {
  const lfs = bytes === "lfs";
  const oid = blobId(lfs ? lfsPointer(stored.sha256, stored.sizeBytes) : bytes);
  return { path, oid, sizeBytes: stored.sizeBytes, sha256: stored.sha256, lfs };
}

function refuseFilesAsFolders(paths: readonly string[]): void {
  const files = new Set(paths);
  for (const path of paths)
    for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1))
      if (files.has(path.slice(0, slash))) throw new Refusal(400, `${path.slice(0, slash)} is a file and a folder.`);
}

async function names(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function readJson(path: string): Promise<unknown> {
  const file = Bun.file(path);
  return (await file.exists()) ? file.json() : null;
}

/** Written aside and renamed, so that a killed hub leaves the old record or the new one. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  await Bun.write(aside, JSON.stringify(value));
  await rename(aside, path);
}
