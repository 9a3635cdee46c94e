/** Routes that write a revision: which files are to be uploaded how, and the commit. */

import { bodyOf, type Call, checkedPath, jsonOf, requireAccount, writable } from "./call.ts";
import type { FileEntry } from "./git.ts";
import { addressOf } from "./manage.ts";
import type { Bytes } from "./objects.ts";
import { Refusal } from "./refusal.ts";
import { fileEntry } from "./repository.ts";

/** `POST /api/{type}/{namespace}/{name}/preupload/{revision}`: inline or LFS, and what is there already. */
export async function preupload(call: Call): Promise<Response> {
  const repository = await writable(call);
  const commit = await call.hub.repositories.resolve(repository, call.params.revision!);
  const known = new Map(commit.files.map((file) => [file.path, file]));
  const body = await jsonOf(call.request);
  const files = (Array.isArray(body.files) ? body.files : []).map((wanted: { path?: unknown; size?: unknown }) => {
    const path = checkedPath(wanted.path);
    const uploadMode = Number(wanted.size) > call.hub.regularBytesMax ? "lfs" : "regular";
    const there = known.get(path);
    // Clients skip a file whose hash is the same: SHA-256 for one that goes to LFS, the git blob's id for others.
    const oid = there === undefined ? {} : { oid: there.lfs ? there.sha256 : there.oid };
    return { path, uploadMode, shouldIgnore: false, ...oid };
  });
  return Response.json({ files, commitOid: commit.id });
}

/** `POST /api/{type}/{namespace}/{name}/commit/{branch}`: one JSON document a line. */
export async function commitFiles(call: Call): Promise<Response> {
  const repository = await writable(call);
  if (call.url.searchParams.get("create_pr") === "1") throw new Refusal(400, "This hub has no pull requests.");
  const added: FileEntry[] = [];
  const deleted: string[] = [];
  let header: Record<string, unknown> = {};
  const lineBytesMax = Math.ceil((call.hub.regularBytesMax * 4) / 3) + 65_536;
  for await (const { key, value } of operations(bodyOf(call.request), lineBytesMax)) {
    if (key === "header") header = value;
    else if (key === "file") added.push(await inlineFile(call, value));
    else if (key === "lfsFile") added.push(await lfsFile(call, value));
    else if (key === "deletedFile" || key === "deletedFolder") deleted.push(checkedPath(stripSlash(value.path)));
    else throw new Refusal(400, `This hub does not know the operation ${JSON.stringify(key)}.`);
  }
  const commit = await call.hub.repositories.commit(repository, {
    branch: call.params.branch!,
    title: String(header.summary ?? "Update files"),
    description: String(header.description ?? ""),
    author: requireAccount(call).name,
    ...(typeof header.parentCommit === "string" ? { parentCommit: header.parentCommit } : {}),
    added,
    deleted,
  });
  const commitUrl = `${addressOf(call, repository)}/commit/${commit.id}`;
  return Response.json({ success: true, commitOid: commit.id, commitUrl, hookOutput: "" });
}

async function inlineFile({ hub }: Call, value: Record<string, unknown>): Promise<FileEntry> {
  const path = checkedPath(value.path);
  const bytes = Buffer.from(String(value.content ?? ""), value.encoding === "base64" ? "base64" : "utf8");
  return fileEntry(path, await hub.objects.put([bytes], { sizeBytesMax: bytes.length }), bytes);
}

async function lfsFile({ hub }: Call, value: Record<string, unknown>): Promise<FileEntry> {
  const path = checkedPath(value.path);
  const sizeBytes = Number(value.size);
  const sha256 = String(value.oid);
  if (value.algo !== "sha256" || !/^[0-9a-f]{64}$/.test(sha256) || !(await hub.objects.has(sha256, sizeBytes)))
    throw new Refusal(400, `The LFS object of ${path} has not been uploaded.`);
  return fileEntry(path, { sha256, sizeBytes }, "lfs");
}

/** Splits a body into its lines as it arrives: one inline file is held in memory at a time. */
async function* operations(
  body: Bytes,
  lineBytesMax: number,
): AsyncGenerator<{ key: unknown; value: Record<string, unknown> }> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const parse = () => {
    const line = Buffer.concat(pending).toString("utf8").trim();
    pending = [];
    pendingBytes = 0;
    return line === "" ? [] : [parseLine(line)];
  };
  for await (let chunk of body) {
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10)) {
      pending.push(chunk.subarray(0, end));
      chunk = chunk.subarray(end + 1);
      yield* parse();
    }
    pending.push(chunk);
    pendingBytes += chunk.length;
    if (pendingBytes > lineBytesMax) throw new Refusal(413, "An inline file is larger than preupload allows: use LFS.");
  }
  yield* parse();
}

function parseLine(line: string): { key: unknown; value: Record<string, unknown> } {
  try {
    const { key, value } = JSON.parse(line);
    if (typeof value === "object" && value !== null) return { key, value };
  } catch {}
  throw new Refusal(400, "The commit is not one JSON document a line with key and value.");
}

function stripSlash(path: unknown): unknown {
  return typeof path === "string" ? path.replace(/\/$/, "") : path;
}
