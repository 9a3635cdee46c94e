/** The two hashes that a hub knows files by: SHA-256 for those in LFS, git's blob id for the others. */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { InterruptedError } from "../base/errors.ts";

export interface Digest {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly blobOid: string;
}

/** Both hashes of a stream of bytes whose length is known before: git hashes the length first. */
export class Digests {
  private readonly sha256 = createHash("sha256");
  private readonly git;

  constructor(private readonly sizeBytes: number) {
    this.git = createHash("sha1").update(`blob ${sizeBytes}\0`);
  }

  update(chunk: Uint8Array): void {
    this.sha256.update(chunk);
    this.git.update(chunk);
  }

  /** Takes in what a file holds, up to the known length, and returns how much that is. */
  async readFrom(handle: FileHandle, signal?: AbortSignal): Promise<number> {
    const buffer = new Uint8Array(4 * 2 ** 20);
    let at = 0;
    for (;;) {
      if (signal?.aborted) throw new InterruptedError();
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, this.sizeBytes - at), at);
      if (bytesRead === 0) return at;
      this.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  }

  end(): Digest {
    return { sizeBytes: this.sizeBytes, sha256: this.sha256.digest("hex"), blobOid: this.git.digest("hex") };
  }
}

/** True when bytes are those of a file as the hub describes it. Without any hash of it nothing is. */
export function matches(
  file: { readonly sizeBytes: number; readonly sha256: string | undefined; readonly blobOid: string | undefined },
  digest: Digest,
): boolean {
  if (file.sizeBytes !== digest.sizeBytes) return false;
  return file.sha256 === undefined ? file.blobOid === digest.blobOid : file.sha256 === digest.sha256;
}

/** The hashes of a file on disk. Throws when it cannot be read, `InterruptedError` when the signal aborts. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<Digest> {
  await using handle = await open(path, "r");
  const digests = new Digests((await handle.stat()).size);
  await digests.readFrom(handle, signal);
  return digests.end();
}
