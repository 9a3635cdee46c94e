/** Looking at a repository without downloading it: its files with their sizes, and ranges of bytes inside a file. */
import { type CallOptions, listFiles, type RemoteFile, type Source, sourceProblem } from "./client.ts";
import { chunksOf, type Hub, type RequestOptions, send, transportFailure } from "./connection.ts";
import { isLoaderFile, pathProblem } from "./loader-files.ts";
import { type HubResult, invalid, ok, retry } from "./outcome.ts";

export interface ModelListing {
  /** What a loader reads, sorted by path: what would be downloaded. */
  readonly files: readonly RemoteFile[];
  /** Bytes of `files`. */
  readonly modelBytes: number;
  /** Bytes of everything at the revision, which is what the subnet's size limit counts. */
  readonly repositoryBytes: number;
}

/** What a revision holds. A hostile path anywhere in it, or no model in it, is the owner's fault. */
export async function listModel(hub: Hub, options: CallOptions & Source): Promise<HubResult<ModelListing>> {
  const listed = await listFiles(hub, options);
  if (listed.kind !== "ok") return listed;
  for (const { path } of listed.value) {
    const problem = pathProblem(path);
    if (problem !== null) return invalid("path-refused", `the path ${JSON.stringify(path.slice(0, 120))} ${problem}`);
  }
  const files = listed.value.filter(({ path }) => isLoaderFile(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
  if (files.length === 0) return invalid("no-model-files", "the repository holds no file of a model");
  if (new Set(files.map(({ path }) => path.toLowerCase())).size < files.length)
    return invalid("path-refused", "two paths differ in upper and lower case only");
  return ok({ files, modelBytes: totalBytes(files), repositoryBytes: totalBytes(listed.value) });
}

/**
 * Bytes `from` (included) to `to` (excluded) of a file. A shorter file gives what it has; a hub that sends more than was
 * asked for is cut off.
 */
export async function readRange(
  hub: Hub,
  options: CallOptions & Source & { readonly path: string; readonly from: number; readonly to: number },
): Promise<HubResult<Uint8Array>> {
  const { from, to, signal } = options;
  if (to <= from) return ok(new Uint8Array());
  const headers = { Range: `bytes=${from}-${to - 1}` };
  const opened = await openFile(hub, { ...options, headers, accepted: [416] });
  if (opened.kind !== "ok") return opened;
  if (opened.value.status === 416) return ok(new Uint8Array());
  const start = rangeStart(opened.value);
  if (start !== from) return retry("answer-malformed", "the hub does not send the range that was asked for");
  const chunks: Uint8Array[] = [];
  let received = 0;
  try {
    for await (const chunk of chunksOf(opened.value, hub.bounds)) {
      chunks.push(chunk);
      received += chunk.byteLength;
      if (received >= to - from) break;
    }
  } catch (error) {
    return transportFailure(error, { signal });
  }
  return ok(Buffer.concat(chunks).subarray(0, to - from));
}

/** Asks for the bytes of a file; the answer's body has not been read. */
export function openFile(
  hub: Hub,
  options: CallOptions & Source & RequestOptions & { readonly path: string },
): Promise<HubResult<Response>> {
  const problem = sourceProblem(options);
  if (problem !== null) return Promise.resolve(problem);
  const path = options.path.split("/").map(encodeURIComponent).join("/");
  const address = `${hub.url}/${options.repo}/resolve/${encodeURIComponent(options.revision)}/${path}`;
  // A compressed answer would hide how much is really sent.
  return send(hub, address, { ...options, headers: { "Accept-Encoding": "identity", ...options.headers } });
}

/** The first byte's place in an answer: 0 for a whole file; undefined when the header makes no sense. */
export function rangeStart(response: Response): number | undefined {
  if (response.status !== 206) return 0;
  const match = /^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "");
  return match === null ? undefined : Number(match[1]);
}

function totalBytes(files: readonly RemoteFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
