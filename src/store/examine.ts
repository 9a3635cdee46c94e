/** Looks at a path before SQLite may touch it, so that a file that is not ours stays as it is. */
import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { fileSignature } from "./database.ts";

/** The absolute path of a file that may be opened; refuses what is certainly no state file without opening it as one. */
export function examine(path: string, create: boolean): string {
  const absolute = resolve(path);
  const folder = dirname(absolute);
  if (!existsSync(folder))
    throw new OperatorError(`The folder ${folder} does not exist.`, "Create it, or give another path with --db.");
  if (!existsSync(absolute)) {
    if (create) return join(realpathSync(folder), basename(absolute));
    throw new OperatorError(`There is no state file ${absolute}.`, "Give the path of an existing one with --db.");
  }
  const file = realpathSync(absolute);
  const { size } = statSync(file);
  if (statSync(file).isDirectory())
    throw new OperatorError(`${absolute} is a folder.`, "Give the path of a file with --db.");
  if (size === 0 && create) return file;
  if (firstBytes(file, fileSignature.length) !== fileSignature)
    throw new OperatorError(
      `${absolute} is not a SQLite database.`,
      "Give the path of a state file with --db, or of a file that does not exist yet.",
    );
  return file;
}

function firstBytes(file: string, count: number): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    throw new OperatorError(`${file} cannot be read.`, "Check the permissions of the file and of its folder.");
  }
  try {
    const buffer = Buffer.alloc(count);
    return buffer.toString("latin1", 0, readSync(descriptor, buffer, 0, count, 0));
  } finally {
    closeSync(descriptor);
  }
}
