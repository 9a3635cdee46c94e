/** What every route gets: the stores, who is asking, and the repository that the address names. */
import type { Account, Accounts } from "./accounts.ts";
import type { FaultInjector } from "./faults.ts";
import type { Bytes, ObjectStore } from "./objects.ts";
import { Refusal } from "./refusal.ts";
import { type Repository, type RepositoryName, type RepositoryStore, repositoryTypes } from "./repository.ts";
import type { UploadStore } from "./uploads.ts";

export interface Hub {
  readonly accounts: Accounts;
  readonly objects: ObjectStore;
  readonly repositories: RepositoryStore;
  readonly uploads: UploadStore;
  readonly faults: FaultInjector;
  /** By `namespace/name`: what goes wrong with this repository, in place of what goes wrong with all. */
  readonly faultsOf: Map<string, FaultInjector>;
  /** Files up to this size are committed inline, larger ones go through LFS. */
  readonly regularBytesMax: number;
  /** LFS files larger than this are uploaded in parts of this size. */
  readonly partBytes: number;
  /** The bytes that one account may store. */
  readonly quotaBytes: number;
  /** Entries on one page of a tree or of a list of commits. */
  readonly pageEntries: number;
}

export interface Call {
  readonly hub: Hub;
  readonly request: Request;
  readonly url: URL;
  /** Decoded parts of the address. */
  readonly params: Readonly<Record<string, string>>;
  /** Null: nobody, which may read what is public. */
  readonly account: Account | null;
}

/** The account behind an Authorization header. A token that nobody has is refused, not treated as nobody. */
export function authenticate(hub: Hub, request: Request): Account | null {
  const header = request.headers.get("Authorization");
  if (header === null) return null;
  const account = hub.accounts.byToken(header.replace(/^Bearer /i, ""));
  if (account === null) throw new Refusal(401, "Invalid credentials in Authorization header");
  return account;
}

export function requireAccount({ account }: Call): Account {
  if (account === null) throw new Refusal(401, "Invalid username or password.");
  return account;
}

const typeByPrefix: Readonly<Record<string, RepositoryName["type"]>> = Object.fromEntries(
  repositoryTypes.map((type) => [`${type}s`, type]),
);

/** The repository of `/api/{type}/{namespace}/{name}` or `/{type}/{namespace}/{name}`; models need no type. */
export function repositoryName({ params }: Call): RepositoryName {
  const type = Object.hasOwn(typeByPrefix, params.type ?? "models") ? typeByPrefix[params.type ?? "models"] : undefined;
  if (type === undefined) throw new Refusal(404, "There is nothing here.");
  return checkedName(type, params.namespace ?? "", (params.name ?? "").replace(/\.git$/, ""));
}

/** Names become folders: nothing but plain names may pass. */
export function checkedName(type: RepositoryName["type"], namespace: string, name: string): RepositoryName {
  for (const part of [namespace, name])
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/.test(part) || part.includes("..") || /\.(git|ipynb)$/.test(part))
      throw new Refusal(400, `Invalid repository name: ${namespace}/${name}`);
  return { type, namespace, name };
}

/** The repository that the address names, if the caller may see it; to others it does not exist. */
export async function readable(call: Call): Promise<Repository> {
  const repository = await call.hub.repositories.find(repositoryName(call));
  if (repository === null || (repository.private && !call.hub.accounts.owns(call.account, repository.namespace)))
    throw new Refusal(
      call.account === null ? 401 : 404,
      call.account === null ? "Invalid username or password." : "Repository not found",
      "RepoNotFound",
    );
  return repository;
}

/** The same, if the caller may write it. */
export async function writable(call: Call): Promise<Repository> {
  const account = requireAccount(call);
  const repository = await readable(call);
  if (!call.hub.accounts.owns(account, repository.namespace))
    throw new Refusal(403, "Forbidden: you need write access to this repository.");
  return repository;
}

/** What follows the named parts of an address: a file's path, decoded and checked. */
export function restOfPath({ url }: Call, segmentsBefore: number): string {
  const rest = url.pathname.split("/").slice(segmentsBefore + 1);
  try {
    return rest.map(decodeURIComponent).join("/");
  } catch {
    throw new Refusal(400, "The address is not valid percent-encoded UTF-8.");
  }
}

/** A path that a file may have in a repository. */
export function checkedPath(path: unknown): string {
  const valid =
    typeof path === "string" &&
    path.length > 0 &&
    Buffer.byteLength(path) <= 1024 &&
    !/[\u0000-\u001f\u007f\\]/.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && part !== ".git");
  if (!valid) throw new Refusal(400, `Invalid path in repository: ${JSON.stringify(path)}`);
  return path;
}

/** The JSON of a request. */
export async function jsonOf(request: Request): Promise<Record<string, unknown>> {
  const value: unknown = await request.json().catch(() => null);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal(400, "The body must be a JSON object.");
  return value as Record<string, unknown>;
}

/** One page of a list, with the header that leads to the next. */
export function page<T>({ hub, url }: Call, entries: readonly T[], show: (entry: T) => unknown): Response {
  const start = Number(url.searchParams.get("cursor") ?? 0) || 0;
  const limit = Math.min(Number(url.searchParams.get("limit") ?? hub.pageEntries) || hub.pageEntries, hub.pageEntries);
  const headers: Record<string, string> = { "X-Total-Count": String(entries.length) };
  if (start + limit < entries.length) {
    const next = new URL(url);
    next.searchParams.set("cursor", String(start + limit));
    headers.Link = `<${next.href}>; rel="next"`;
  }
  return Response.json(entries.slice(start, start + limit).map(show), { headers });
}

/** The body as it arrives, so that no upload is held in memory. */
export async function* bodyOf(request: Request): Bytes {
  if (request.body !== null) yield* request.body;
}
