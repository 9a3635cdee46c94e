/** A model as it lies on disk, everything checked that can be checked without knowing the architecture. */
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import { type FileSource, type ModelFiles, readModelFiles } from "./files.ts";
import { type Links, openUntrusted } from "./untrusted-file.ts";

export interface ModelFolder extends ModelFiles {
  readonly kind: "model-folder";
  /** Absolute, links resolved. */
  readonly path: string;
}

/**
 * Opens a model's folder. No parameter is read.
 * @param path given by the operator: it may itself be a link; its entries may not, unless `links` says otherwise
 */
export async function openModelFolder(
  path: string,
  options: { readonly links?: Links } = {},
): Promise<ModelFolder | Invalid> {
  const source = await openFolder(path, options.links ?? "refuse");
  if (isInvalid(source)) return source;
  const files = await readModelFiles(source);
  return isInvalid(files) ? files : { kind: "model-folder", path: source.path, ...files };
}

/** The files of a folder that a stranger filled. */
export async function openFolder(
  path: string,
  links: Links,
): Promise<(FileSource & { readonly path: string }) | Invalid> {
  try {
    const folder = await realpath(path);
    if (!(await stat(folder)).isDirectory()) return invalid("folder-missing", "the model's path is not a folder");
    return { path: folder, open: (name) => openUntrusted(folder, name, links) };
  } catch {
    return invalid("folder-missing", "the model's folder does not exist or cannot be entered");
  }
}

/** Bytes of all files below a folder: what a repository of it would have. Links are not followed. */
export async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const status = await lstat(join(folder, name)).catch(() => undefined);
    if (status?.isFile()) bytes += status.size;
  }
  return bytes;
}
