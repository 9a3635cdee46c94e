/** The bytes of files, each stored once under the SHA-256 of its content. */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "./refusal.ts";

export interface StoredObject {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A stream of bytes: a request's body, a file, or parts in memory. */
export type Bytes = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export class ObjectStore {
  constructor(private readonly folder: string) {}

  /** Removes what uploads left unfinished when the hub was killed; call before any upload begins. */
  async clear(): Promise<void> {
    await rm(join(this.folder, "aside"), { recursive: true, force: true });
  }

  pathOf(sha256: string): string {
    return join(this.folder, sha256.slice(0, 2), sha256);
  }

  async has(sha256: string, sizeBytes: number): Promise<boolean> {
    const found = await stat(this.pathOf(sha256)).catch(() => null);
    return found !== null && found.size === sizeBytes;
  }

  /**
   * Writes a stream aside, checks it against what was announced and only then gives it its name.
   * Throws a `Refusal` when it is longer than `sizeBytesMax` or is not the `expected` object.
   */
  async put(
    bytes: Bytes,
    options: { readonly sizeBytesMax: number; readonly expected?: StoredObject },
  ): Promise<StoredObject> {
    const aside = join(this.folder, "aside", randomUUID());
    await mkdir(dirname(aside), { recursive: true });
    try {
      const stored = await writeHashed(aside, bytes, options.sizeBytesMax);
      const { expected } = options;
      if (expected !== undefined && (stored.sha256 !== expected.sha256 || stored.sizeBytes !== expected.sizeBytes))
        throw new Refusal(400, "The uploaded bytes do not match the announced size and SHA-256.");
      const path = this.pathOf(stored.sha256);
      await mkdir(dirname(path), { recursive: true });
      await rename(aside, path);
      return stored;
    } finally {
      await rm(aside, { force: true });
    }
  }
}

async function writeHashed(path: string, bytes: Bytes, sizeBytesMax: number): Promise<StoredObject> {
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  let sizeBytes = 0;
  try {
    for await (const chunk of bytes) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > sizeBytesMax)
        throw new Refusal(413, `The upload is longer than the ${sizeBytesMax} bytes announced.`);
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}
