/**
 * Extracts the shared libraries that the executable carries, since the dynamic linker loads only real files.
 * They go once into a folder named by their content. A file is trusted by its hash alone, never by its name: one that
 * is truncated or was tampered with is replaced before anything is loaded.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "./errors.ts";

/** A library inside the executable. */
export interface NativeFile {
  readonly name: string;
  /** SHA-256 of the extracted bytes, lower-case hex. */
  readonly sha256: string;
  /** Path of the zstd-compressed bytes inside the executable. */
  readonly source: string;
}

/**
 * Makes sure that all files lie in one folder below `cache`, complete and unchanged, and returns the folder.
 * Any number of processes may do so at the same moment: each writes aside and renames.
 */
export function extractNative(cache: string, files: readonly NativeFile[]): string {
  const identity = new Bun.CryptoHasher("sha256").update(files.map((file) => file.sha256).join("\n")).digest("hex");
  const folder = join(cache, "native", identity.slice(0, 32));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of files) if (hashOf(join(folder, file.name)) !== file.sha256) writeFile(folder, file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    throw new OperatorError(
      `Cannot extract the native libraries to ${folder} (${code}).`,
      "Set FINETUNE_CACHE to a folder that is writable, allows execution and has 60 MB free.",
    );
  }
  return folder;
}

function hashOf(path: string): string | undefined {
  try {
    return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function writeFile(folder: string, file: NativeFile): void {
  const bytes = Bun.zstdDecompressSync(readFileSync(file.source));
  const part = join(folder, `${file.name}.${process.pid}.part`);
  const descriptor = openSync(part, "w", 0o500);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    // Before the rename, so that a power cut leaves the old state or the new file, never an empty one.
    fsyncSync(descriptor);
    renameSync(part, join(folder, file.name));
  } catch (error) {
    unlinkSync(part);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}
