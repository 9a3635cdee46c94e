/** Ties a child's life to its parent's. */
import { dlopen, FFIType } from "bun:ffi";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Asks the kernel to kill this process when its parent dies. The end of stdin says the same, but a thread that computes
 * for minutes does not read it. Linux only; elsewhere the end of stdin has to do.
 */
export function dieWithParent(): void {
  if (process.platform !== "linux") return;
  const parent = process.ppid;
  const libc = dlopen("libc.so.6", { prctl: { args: [FFIType.i32, FFIType.u64], returns: FFIType.i32 } });
  libc.symbols.prctl(PR_SET_PDEATHSIG, SIGKILL);
  libc.close();
  // The parent may have died before the kernel was asked.
  if (process.ppid !== parent) process.exit(1);
}
