/** Footers of remote Parquet files on disk: a file's rows are found without asking for its end again. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface CachedFooter {
  readonly etag: string | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A cache that cannot be read or written is as good as empty: nothing here fails. */
export class FooterCache {
  constructor(
    private readonly folder: string,
    private readonly bytesMax: number,
  ) {}

  async read(file: FileKey): Promise<CachedFooter | undefined> {
    const path = this.#pathOf(file);
    const stored = await readFile(path).catch(() => undefined);
    const lineEnd = stored?.indexOf("\n") ?? -1;
    if (stored === undefined || lineEnd < 0) return undefined;
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    const etag = stored.subarray(0, lineEnd).toString("utf8");
    return { etag: etag === "" ? null : etag, bytes: new Uint8Array(stored.subarray(lineEnd + 1)) };
  }

  async write(file: FileKey, { etag, bytes }: CachedFooter): Promise<void> {
    const path = this.#pathOf(file);
    const part = `${path}.${process.pid}.part`;
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(part, Buffer.concat([Buffer.from(`${(etag ?? "").replaceAll("\n", "")}\n`), bytes]));
      await rename(part, path);
      await this.#prune();
    } catch {
      await rm(part, { force: true }).catch(() => {});
    }
  }

  async remove(file: FileKey): Promise<void> {
    await rm(this.#pathOf(file), { force: true }).catch(() => {});
  }

  /** Deletes what was not used for the longest until the rest fits. */
  async #prune(): Promise<void> {
    const entries = await Promise.all(
      (await readdir(this.folder)).map(async (name) => {
        const path = join(this.folder, name);
        const found = await stat(path).catch(() => undefined);
        return { path, sizeBytes: found?.size ?? 0, usedMs: found?.mtimeMs ?? 0 };
      }),
    );
    let total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const { path, sizeBytes } of entries.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (total <= this.bytesMax) return;
      await rm(path, { force: true });
      total -= sizeBytes;
    }
  }

  #pathOf({ url, sizeBytes }: FileKey): string {
    return join(this.folder, createHash("sha256").update(`${url} ${sizeBytes}`).digest("hex"));
  }
}

interface FileKey {
  readonly url: string;
  readonly sizeBytes: number;
}
