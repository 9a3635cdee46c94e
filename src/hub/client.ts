/** The calls of @huggingface/hub that the program makes, with the connection's deadlines and retries under them. */
import {
  whoAmI as askWho,
  type CommitOperation,
  commitIter,
  createRepo,
  listFiles as listEntries,
  modelInfo,
} from "@huggingface/hub";
import { InterruptedError } from "../base/errors.ts";
import { type Hub, readBounded, send, transportFailure } from "./connection.ts";
import { type HubFailure, HubFailureError, type HubResult, invalid, ok, refused, retry } from "./outcome.ts";

/** One file of a revision, as the hub describes it: nothing of it is downloaded. */
export interface RemoteFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex of the bytes' SHA-256, known for files in LFS. */
  readonly sha256: string | undefined;
  /** The id of the git blob: of the bytes, or of the pointer for a file in LFS. */
  readonly blobOid: string | undefined;
}

/** `namespace/name` of a model and its 40-hex commit (or a branch). */
export interface Source {
  readonly repo: string;
  readonly revision: string;
}

/**
 * What is wrong with the name of a repository or revision, which a miner wrote: both become parts of addresses and
 * folders. A name that no repository can have is a repository that is missing.
 */
export function sourceProblem({ repo, revision }: Source): HubFailure | null {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/.test(repo) || repo.includes(".."))
    return invalid("repository-missing", `${JSON.stringify(repo.slice(0, 200))} is not the name of a repository`);
  if (!/^[A-Za-z0-9_][A-Za-z0-9._/-]{0,200}$/.test(revision) || revision.includes(".."))
    return invalid("revision-missing", `${JSON.stringify(revision.slice(0, 200))} is not a revision`);
  return null;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Whose token this is, and the organizations that it belongs to. */
export async function whoAmI(
  hub: Hub,
  options: CallOptions = {},
): Promise<HubResult<{ readonly name: string; readonly organizations: readonly string[] }>> {
  const anonymous = withoutTokenRefused(hub);
  if (anonymous !== null) return anonymous;
  return call(hub, options, async (common) => {
    const { name, ...who } = await askWho({ ...common, accessToken: hub.token ?? "" });
    return { name, organizations: "orgs" in who ? who.orgs.map((organization) => organization.name) : [] };
  });
}

/** Creates a model repository. One that exists already is `refused`/`exists`. */
export async function createRepository(
  hub: Hub,
  options: CallOptions & { readonly repo: string; readonly private: boolean },
): Promise<HubResult<{ readonly url: string }>> {
  const problem = withoutTokenRefused(hub) ?? sourceProblem({ ...options, revision: "main" });
  if (problem !== null) return problem;
  return call(hub, options, async (common) => {
    const visibility = options.private ? "private" : "public";
    const { repoUrl } = await createRepo({ ...common, accessToken: hub.token ?? "", repo: options.repo, visibility });
    return { url: repoUrl };
  });
}

/** Whether a repository is private, and the commit that a revision (default: the main branch) stands for. */
export async function repositoryInfo(
  hub: Hub,
  options: CallOptions & { readonly repo: string; readonly revision?: string },
): Promise<HubResult<{ readonly private: boolean; readonly revision: string }>> {
  const { repo, revision = "main" } = options;
  const problem = sourceProblem({ repo, revision });
  if (problem !== null) return problem;
  return call(hub, options, async (common) => {
    const info = await modelInfo({ ...common, ...tokenOf(hub), name: repo, revision, additionalFields: ["sha"] });
    if (!/^[0-9a-f]{40}$/.test(info.sha ?? "")) throw new Error("the hub states no commit");
    return { private: info.private, revision: info.sha };
  });
}

/** Makes a repository public or private. */
export async function setVisibility(
  hub: Hub,
  options: CallOptions & { readonly repo: string; readonly private: boolean },
): Promise<HubResult<{ readonly private: boolean }>> {
  const problem = withoutTokenRefused(hub) ?? sourceProblem({ ...options, revision: "main" });
  if (problem !== null) return problem;
  // The library has no call for it. Asking twice for the same is harmless.
  const answer = await send(hub, `${hub.url}/api/models/${options.repo}/settings`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ visibility: options.private ? "private" : "public" }),
    signal: options.signal,
  });
  if (answer.kind !== "ok") return answer;
  await answer.value.body?.cancel();
  return ok({ private: options.private });
}

/** Every file of a revision, in the hub's order. More entries than the bounds allow is the owner's fault. */
export async function listFiles(hub: Hub, options: CallOptions & Source): Promise<HubResult<readonly RemoteFile[]>> {
  const problem = sourceProblem(options);
  if (problem !== null) return problem;
  return call(hub, options, async (common) => {
    const files: RemoteFile[] = [];
    let entries = 0;
    for await (const entry of listEntries({ ...common, ...tokenOf(hub), ...options, recursive: true })) {
      entries += 1;
      if (entries > hub.bounds.entriesMax)
        throw new HubFailureError(
          invalid("too-many-files", `${options.repo} has more than ${hub.bounds.entriesMax} files`),
        );
      if (entry.type === "file") files.push(checkedFile(entry));
    }
    return files;
  });
}

/**
 * Uploads what is not there and makes one commit of it; returns the new revision. The commit itself is never sent twice:
 * after a failure look at what the repository holds.
 */
export async function commitFiles(
  hub: Hub,
  options: CallOptions & {
    readonly repo: string;
    readonly title: string;
    readonly operations: readonly CommitOperation[];
    readonly parentCommit?: string;
    /** Sees every request before it is sent; the upload journal answers some from what it remembers. */
    readonly intercept?: (send: typeof fetch) => typeof fetch;
  },
): Promise<HubResult<{ readonly revision: string }>> {
  const problem = withoutTokenRefused(hub) ?? sourceProblem({ ...options, revision: "main" });
  if (problem !== null) return problem;
  return call(hub, options, async (common) => {
    const events = commitIter({
      ...common,
      ...tokenOf(hub),
      fetch: options.intercept?.(common.fetch) ?? common.fetch,
      repo: options.repo,
      title: options.title,
      operations: [...options.operations],
      ...(options.parentCommit === undefined ? {} : { parentCommit: options.parentCommit }),
      ...(options.signal === undefined ? {} : { abortSignal: options.signal }),
      // Xet is another protocol with a store of its own; every hub still takes large files by LFS.
      useXet: false,
    });
    for (;;) {
      const next = await events.next();
      if (!next.done) continue;
      if (next.value === undefined) throw new HubFailureError(retry("answer-malformed", "the commit has no id"));
      return { revision: next.value.commit.oid };
    }
  });
}

interface Common {
  readonly hubUrl: string;
  readonly fetch: typeof fetch;
}

function tokenOf(hub: Hub): { accessToken?: string } {
  return hub.token === undefined ? {} : { accessToken: hub.token };
}

/** What only a token's owner may do is not even asked for without one: the hub's answer would blame the repository. */
function withoutTokenRefused(hub: Hub): HubFailure | null {
  return hub.token === undefined ? refused("token-invalid", "this needs an access token of the hub") : null;
}

/** Runs a call of the library over our connection and turns what it throws into a value. */
async function call<T>(hub: Hub, options: CallOptions, work: (common: Common) => Promise<T>): Promise<HubResult<T>> {
  // The library would throw, and a hub that has never seen such a token would be blamed for it.
  if (hub.token !== undefined && !hub.token.startsWith("hf_"))
    return refused("token-invalid", "an access token of the hub starts with hf_");
  try {
    return ok(await work({ hubUrl: hub.url, fetch: connectionFetch(hub, options.signal) }));
  } catch (error) {
    if (error instanceof InterruptedError || options.signal?.aborted) throw new InterruptedError();
    if (error instanceof HubFailureError) return error.failure;
    // What the library throws by itself it throws about an answer that it cannot read.
    const failure = transportFailure(error, { signal: options.signal });
    return failure.kind === "retry" ? { ...failure, reason: "answer-malformed" } : failure;
  }
}

const repeatablePosts = /\/(preupload\/[^/]+|objects\/batch|complete)$/;

/** Our `send` in the shape that the library takes. The answer is read whole, within its bound. */
function connectionFetch(hub: Hub, signal: AbortSignal | undefined): typeof fetch {
  const connected = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const address = input instanceof Request ? input.url : String(input);
    const signals = [signal, init.signal].filter((each) => each !== undefined && each !== null);
    const method = init.method ?? "GET";
    const result = await send(hub, address, {
      method,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(init.body === undefined ? {} : { body: init.body as BodyInit | null }),
      signal: signals.length === 0 ? undefined : AbortSignal.any(signals),
      repeatable: method !== "POST" || repeatablePosts.test(new URL(address).pathname),
    });
    if (result.kind !== "ok") throw new HubFailureError(result);
    const { status, headers } = result.value;
    const body = await readBounded(result.value, hub.bounds);
    return new Response([204, 304].includes(status) ? null : new Uint8Array(body), { status, headers });
  };
  return Object.assign(connected, { preconnect: fetch.preconnect });
}

/** An entry of the tree comes from outside: its numbers and ids are checked before anything rests on them. */
function checkedFile(entry: {
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}): RemoteFile {
  const sizeBytes = entry.lfs?.size ?? entry.size;
  const sha256 = entry.lfs?.oid;
  if (typeof entry.path !== "string" || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw new HubFailureError(retry("answer-malformed", "the hub lists a file without a path or a size"));
  return {
    path: entry.path,
    sizeBytes,
    sha256: sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined,
    blobOid: /^[0-9a-f]{40}$/.test(entry.oid ?? "") ? entry.oid : undefined,
  };
}
