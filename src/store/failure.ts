/** What the database's exceptions mean for the operator: one sentence what, one what to do. */
import { FailureError, OperatorError } from "../base/errors.ts";

interface Meaning {
  readonly what: (path: string) => string;
  readonly todo: string;
}

const full: Meaning = {
  what: (path) => `There is no space left to write ${path}.`,
  todo: "Free some space and start again: everything that was stored is kept, and the work continues from there.",
};
const damaged: Meaning = {
  what: (path) => `${path} is damaged.`,
  todo: "Run `finetune db check` on it to see what is lost, and go back to a backup or salvage the rest.",
};
const readOnly: Meaning = {
  what: (path) => `${path} cannot be written.`,
  todo: "Check the permissions of the file and of its folder, and whether the file system is mounted read-only.",
};

/** By SQLite's result code; an extended code (`SQLITE_IOERR_READ`) that is not listed falls back to its family. */
const meanings: Readonly<Record<string, Meaning>> = {
  SQLITE_FULL: full,
  // A limit on the file's size and a quota are reported as a failed write, not as a full disk.
  SQLITE_IOERR_WRITE: full,
  SQLITE_IOERR_SHMSIZE: full,
  SQLITE_CORRUPT: damaged,
  SQLITE_IOERR_SHORT_READ: damaged,
  SQLITE_NOTADB: {
    what: (path) => `${path} is not a SQLite database.`,
    todo: "Give the path of a state file with --db, or of a file that does not exist yet.",
  },
  SQLITE_READONLY: readOnly,
  SQLITE_PERM: readOnly,
  SQLITE_CANTOPEN: {
    what: (path) => `${path} cannot be opened.`,
    todo: "Check that it exists and that you may read it and its folder.",
  },
  SQLITE_BUSY: {
    what: (path) => `${path} is being written by another process and did not become free.`,
    todo: "Try again when that process has finished.",
  },
  SQLITE_IOERR: {
    what: (path) => `The disk failed while ${path} was used.`,
    todo: "Look at the system's log; copy the file to another disk before you go on.",
  },
};

/** The error to throw instead of `error`. What is not SQLite's comes back unchanged. */
export function storeFailure(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return error;
  const { code } = error;
  const meaning = meanings[code] ?? meanings[code.split("_").slice(0, 2).join("_")];
  if (meaning === undefined) return error;
  return code.startsWith("SQLITE_IOERR") && meaning === meanings.SQLITE_IOERR
    ? new FailureError(`${meaning.what(path)} (${code})`, meaning.todo)
    : new OperatorError(meaning.what(path), meaning.todo);
}
