/** Routes that read a revision: its tree, single paths, and the bytes of files. */
import { type Call, page, readable, restOfPath } from "./call.ts";
import { type FileEntry, type FolderEntry, foldersOf, lfsPointer } from "./git.ts";
import { Refusal } from "./refusal.ts";
import type { Commit } from "./repository.ts";

type Entry = { readonly file: FileEntry } | { readonly folder: FolderEntry };

/** `GET /api/{type}/{namespace}/{name}/tree/{revision}[/{path}]?recursive=&expand=` */
export async function listTree(call: Call): Promise<Response> {
  const commit = await commitOf(call);
  const below = restOfPath(call, 6).replace(/\/$/, "");
  const entries = entriesOf(commit);
  if (below !== "" && !entries.some((entry) => "folder" in entry && entry.folder.path === below))
    throw new Refusal(404, `${below} does not exist on "${call.params.revision}"`, "EntryNotFound");
  const recursive = call.url.searchParams.get("recursive")?.toLowerCase() === "true";
  const prefix = below === "" ? "" : `${below}/`;
  const shown = entries.filter((entry) => {
    const path = pathOf(entry);
    return path.startsWith(prefix) && path !== "" && (recursive || !path.slice(prefix.length).includes("/"));
  });
  const expand = call.url.searchParams.get("expand")?.toLowerCase() === "true";
  return page(call, shown, (entry) => show(entry, expand ? commit : null));
}

/** `POST /api/{type}/{namespace}/{name}/paths-info/{revision}`: JSON from JavaScript, a form from Python. */
export async function pathsInfo(call: Call): Promise<Response> {
  const commit = await commitOf(call);
  const { paths, expand } = await wantedPaths(call.request);
  const wanted = new Set(paths);
  const shown = entriesOf(commit).filter((entry) => wanted.has(pathOf(entry)));
  return Response.json(shown.map((entry) => show(entry, expand ? commit : null)));
}

/** `GET|HEAD /[{type}/]{namespace}/{name}/resolve/{revision}/{path}`, whole or a range. */
export async function resolveFile(call: Call): Promise<Response> {
  const { commit, file } = await fileOf(call);
  const headers = headersOf(commit, file);
  const { range, response } = rangeOf(call.request.headers.get("Range"), file.sizeBytes);
  if (response !== null) return response(headers);
  if (range !== null) {
    headers["Content-Range"] = `bytes ${range.from}-${range.to}/${file.sizeBytes}`;
    headers["Content-Length"] = String(range.to - range.from + 1);
  }
  const status = range === null ? 200 : 206;
  if (call.request.method === "HEAD") return new Response(null, { status, headers });
  const stored = Bun.file(call.hub.objects.pathOf(file.sha256));
  return new Response(range === null ? stored : stored.slice(range.from, range.to + 1), { status, headers });
}

/** `GET /[{type}/]{namespace}/{name}/raw/{revision}/{path}`: what git holds, the pointer of a file in LFS. */
export async function rawFile(call: Call): Promise<Response> {
  const { commit, file } = await fileOf(call);
  if (!file.lfs) return resolveFile(call);
  const pointer = new TextDecoder().decode(lfsPointer(file.sha256, file.sizeBytes));
  const headers = { "X-Repo-Commit": commit.id, ETag: `"${file.oid}"`, "Content-Type": "text/plain" };
  return new Response(pointer, { headers });
}

async function commitOf(call: Call): Promise<Commit> {
  return call.hub.repositories.resolve(await readable(call), call.params.revision!);
}

async function fileOf(call: Call): Promise<{ commit: Commit; file: FileEntry }> {
  const commit = await commitOf(call);
  const path = restOfPath(call, call.params.type === undefined ? 4 : 5);
  const file = commit.files.find((entry) => entry.path === path);
  if (file === undefined) throw new Refusal(404, "Entry not found", "EntryNotFound");
  return { commit, file };
}

function headersOf(commit: Commit, file: FileEntry): Record<string, string> {
  const etag = `"${file.lfs ? file.sha256 : file.oid}"`;
  return {
    "X-Repo-Commit": commit.id,
    ETag: etag,
    "Accept-Ranges": "bytes",
    "Content-Length": String(file.sizeBytes),
    "Content-Type": /\.(json|txt|md|gitattributes)$/.test(file.path)
      ? "text/plain; charset=utf-8"
      : "application/octet-stream",
    ...(file.lfs ? { "X-Linked-ETag": etag, "X-Linked-Size": String(file.sizeBytes) } : {}),
  };
}

interface Ranged {
  /** First and last byte, both included; null: the whole file. */
  readonly range: { readonly from: number; readonly to: number } | null;
  readonly response: ((headers: Record<string, string>) => Response) | null;
}

/** Reads a Range header. What is not one plain range is answered with the whole file, as HTTP allows. */
function rangeOf(header: string | null, sizeBytes: number): Ranged {
  const match = header === null ? null : /^bytes=(\d*)-(\d*)$/.exec(header);
  if (match === null || (match[1] === "" && match[2] === "")) return { range: null, response: null };
  // Clients ask for `bytes=0-0` to learn the size; an empty file has no such byte, and they break on 416.
  if (sizeBytes === 0)
    return {
      range: null,
      response: (headers) => new Response("", { headers: { ...headers, "Content-Range": "bytes */0" } }),
    };
  const from = match[1] === "" ? Math.max(0, sizeBytes - Number(match[2])) : Number(match[1]);
  const to = match[1] === "" || match[2] === "" ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1);
  if (from > to)
    return {
      range: null,
      response: () => new Response(null, { status: 416, headers: { "Content-Range": `bytes */${sizeBytes}` } }),
    };
  return { range: { from, to }, response: null };
}

function entriesOf(commit: Commit): Entry[] {
  const folders = foldersOf(commit.files)
    .filter(({ path }) => path !== "")
    .map((folder) => ({ folder }));
  const files = commit.files.map((file) => ({ file }));
  return [...folders, ...files].sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
}

function pathOf(entry: Entry): string {
  return "file" in entry ? entry.file.path : entry.folder.path;
}

/** Nothing is scanned here; the fields are those that the Python client reads. */
const unscanned = { status: "unscanned", safe: true, avScan: null, pickleImportScan: null };

function show(entry: Entry, expanded: Commit | null) {
  const lastCommit = expanded && { id: expanded.id, title: expanded.title, date: expanded.date };
  const more = lastCommit === null ? {} : { lastCommit, securityFileStatus: unscanned };
  if ("folder" in entry) return { type: "directory", oid: entry.folder.oid, size: 0, path: entry.folder.path, ...more };
  const { oid, sizeBytes, path, lfs, sha256 } = entry.file;
  const pointer = lfs
    ? { lfs: { oid: sha256, size: sizeBytes, pointerSize: lfsPointer(sha256, sizeBytes).length } }
    : {};
  return { type: "file", oid, size: sizeBytes, path, ...pointer, ...more };
}

async function wantedPaths(request: Request): Promise<{ paths: string[]; expand: boolean }> {
  if (request.headers.get("Content-Type")?.includes("json")) {
    const body = (await request.json()) as { paths?: unknown; expand?: unknown };
    return { paths: [body.paths ?? []].flat().map(String), expand: body.expand === true };
  }
  const form = new URLSearchParams(await request.text());
  return { paths: form.getAll("paths"), expand: form.get("expand")?.toLowerCase() === "true" };
}
