/** Footers of remote Parquet files on disk: a file's rows are found without asking for its end again. */
import { createHash } from "node:crypto";
import { FileCache } from "../../base/file-cache.ts";

export interface CachedFooter {
  readonly etag: string | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface FileKey {
  readonly url: string;
  readonly sizeBytes: number;
}

export class FooterCache {
  readonly #files: FileCache;

  constructor(folder: string, bytesMax: number) {
    this.#files = new FileCache(folder, bytesMax);
  }

  async read(file: FileKey): Promise<CachedFooter | undefined> {
    const stored = await this.#files.read(nameOf(file));
    const lineEnd = stored?.indexOf(10) ?? -1;
    if (stored === undefined || lineEnd < 0) return undefined;
    const etag = new TextDecoder().decode(stored.subarray(0, lineEnd));
    return { etag: etag === "" ? null : etag, bytes: stored.slice(lineEnd + 1) };
  }

  /** A line with the file's version, then the footer. */
  async write(file: FileKey, { etag, bytes }: CachedFooter): Promise<void> {
    await this.#files.write(
      nameOf(file),
      Buffer.concat([Buffer.from(`${(etag ?? "").replaceAll("\n", "")}\n`), bytes]),
    );
  }

  async remove(file: FileKey): Promise<void> {
    await this.#files.remove(nameOf(file));
  }
}

function nameOf({ url, sizeBytes }: FileKey): string {
  return createHash("sha256").update(`${url} ${sizeBytes}`).digest("hex");
}
