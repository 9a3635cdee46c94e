/** A file behind HTTP, read by ranges. Its parts must be of one version: the ETag may not change between them. */
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import { type ByteSource, ReadFailure } from "../parquet/byte-source.ts";
import type { DataBounds } from "./bounds.ts";
import { hostAndPath, request } from "./request.ts";

export interface RemoteFile extends ByteSource {
  readonly url: string;
  /** Of the first part that was read, or as it is given; null where the server names none. */
  etag: string | null;
}

export function remoteFile(options: {
  readonly url: string;
  readonly sizeBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bounds: DataBounds;
  readonly signal: AbortSignal;
}): RemoteFile {
  const { url, sizeBytes } = options;
  const name = hostAndPath(url);
  const file: RemoteFile = {
    url,
    name,
    sizeBytes,
    signal: options.signal,
    etag: null,
    read: async (from, to) => {
      if (from === to) return new Uint8Array();
      const headers = { ...options.headers, Range: `bytes=${from}-${to - 1}`, "Accept-Encoding": "identity" };
      const part = await request({ ...options, headers, bytesMax: to - from }, (answer): Part | Invalid => {
        const wanted = `bytes ${from}-${to - 1}/${sizeBytes}`;
        const range = answer.headers.get("Content-Range");
        if (answer.status !== 206 || range !== wanted)
          return invalid("wrong-range", `${name} answered ${range ?? "with the whole"} instead of ${wanted}.`);
        if (answer.bytes.length !== to - from)
          return invalid("truncated", `${name} answered ${answer.bytes.length} bytes instead of ${to - from}.`);
        return { bytes: answer.bytes, etag: answer.headers.get("ETag") };
      });
      if (isInvalid(part)) throw new ReadFailure(part);
      if (file.etag !== null && part.etag !== null && file.etag !== part.etag)
        throw new ReadFailure(invalid("changed", `${name} was replaced while it was read.`));
      file.etag ??= part.etag;
      return part.bytes;
    },
  };
  return file;
}

interface Part {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string | null;
}

/** How large a file is, where nothing else says so. */
export async function remoteSize(options: {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bounds: DataBounds;
  readonly signal: AbortSignal;
}): Promise<number | Invalid> {
  const headers = { ...options.headers, "Accept-Encoding": "identity" };
  return request<number>({ ...options, headers, method: "HEAD", bytesMax: 0 }, (answer) => {
    const size = Number(answer.headers.get("X-Linked-Size") ?? answer.headers.get("Content-Length") ?? Number.NaN);
    if (Number.isSafeInteger(size) && size > 0) return size;
    return invalid("no-size", `${hostAndPath(options.url)} does not say how large it is.`);
  });
}
