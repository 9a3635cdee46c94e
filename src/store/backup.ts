/** A copy of a state file as of one moment, while others read and one writes. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OperatorError } from "../base/errors.ts";
import type { Connection } from "./database.ts";

/**
 * Writes a compact copy to `target`, which must not exist. The copy appears under its name only when it is whole and
 * on disk, so that an interrupted backup is never taken for one. Returns its size in bytes.
 */
export async function backupTo(connection: Pick<Connection, "copyTo">, target: string): Promise<number> {
  const file = resolve(target);
  if (existsSync(file)) throw new OperatorError(`${file} exists already.`, "Give a name that is free.");
  if (!existsSync(dirname(file)))
    throw new OperatorError(`The folder ${dirname(file)} does not exist.`, "Create it, or give another path.");
  const partial = `${file}.partial-${process.pid}`;
  try {
    connection.copyTo(partial);
    sync(partial);
    renameSync(partial, file);
    sync(dirname(file));
    return statSync(file).size;
  } finally {
    rmSync(partial, { force: true });
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
