/**
 * Locks that the operating system drops with the process, however it ends: a file left behind by a killed process locks
 * nothing. flock(2) is reached directly, since the runtime has no call for it.
 */
import { dlopen, FFIType } from "bun:ffi";
import { closeSync, openSync } from "node:fs";

export interface FileLock {
  /** Idempotent. */
  release(): void;
}

const shared = 1;
const exclusive = 2;
const doNotWait = 4;

let libc: ReturnType<typeof openLibc> | undefined;

function openLibc() {
  const name = process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6";
  return dlopen(name, { flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } });
}

/**
 * Takes a lock on a file, which is made when missing and never deleted by this. Undefined: somebody holds it in a way that
 * excludes ours, also when that is another lock of this process. Throws when the file cannot be opened.
 */
export function lockFile(path: string, kind: "shared" | "exclusive"): FileLock | undefined {
  libc ??= openLibc();
  const descriptor = openSync(path, "a");
  if (libc.symbols.flock(descriptor, (kind === "shared" ? shared : exclusive) | doNotWait) !== 0) {
    closeSync(descriptor);
    return undefined;
  }
  let held = true;
  return {
    release() {
      if (held) closeSync(descriptor);
      held = false;
    },
  };
}
