/**
 * Small files that can be had again, kept on disk up to a size: what was not used for the longest goes first. A cache
 * that cannot be read or written is as good as empty: nothing here fails.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

export class FileCache {
  /** @param bytesMax of all files together */
  constructor(
    private readonly folder: string,
    private readonly bytesMax: number,
  ) {}

  /** The file as it is on disk, which may not be what was written: whoever needs to know checks it. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = join(this.folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true || found.size > this.bytesMax) return undefined;
    const stored = await readFile(path).catch(() => undefined);
    if (stored === undefined) return undefined;
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    return new Uint8Array(stored);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.folder, name);
    // Two that write at once, here or in another process, must not write into each other's file.
    const part = `${path}.${randomUUID()}.part`;
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(part, bytes);
      await rename(part, path);
      await this.#prune();
    } catch {
      await rm(part, { force: true }).catch(() => {});
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.folder, name), { force: true }).catch(() => {});
  }

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
}
