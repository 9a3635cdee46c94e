/** How this program starts itself again as a child process, or a thread of it, compiled or from source. */
import { resolve } from "node:path";

/** True in the executable that `bun build --compile` makes: its sources live in a virtual folder. */
export const isCompiled: boolean = import.meta.path.startsWith("/$bunfs/") || import.meta.path.includes("~BUN");

/** The command line that runs `finetune <args>` with the program that is running now. */
export function selfCommand(...args: readonly string[]): readonly [string, ...string[]] {
  return isCompiled
    ? [process.execPath, ...args]
    : [process.execPath, resolve(import.meta.dir, "..", "main.ts"), ...args];
}

/** Where a thread's program lies, a file below src: the executable holds each beside its main one (build/compile.ts). */
export function threadUrl(file: string): URL {
  return new URL(isCompiled ? `./${file}` : `../${file}`, import.meta.url);
}

/** Read by mimalloc, the allocator that bun is built with, when a program starts; −1 is never. */
const purgeDelay = "MIMALLOC_PURGE_DELAY";

/** In it a program keeps the memory that it frees, instead of giving it back to the system. */
export const keepingFreedMemory: Readonly<Record<string, string>> = { [purgeDelay]: "-1" };

/**
 * Starts the program again in its place, the same process with the same arguments, so that it keeps the memory that it
 * frees: taking half a gigabyte anew every step is up to a tenth of a full training's time. To be called before anything
 * is opened. Whoever has set another delay is obeyed.
 */
export function keepFreedMemory(): void {
  if (process.env[purgeDelay] === undefined && process.execve !== undefined) {
    const command = selfCommand(...process.argv.slice(2));
    process.execve(command[0], [...command], { ...process.env, ...keepingFreedMemory });
  }
  // Children are not to inherit it.
  if (process.env[purgeDelay] === keepingFreedMemory[purgeDelay]) delete process.env[purgeDelay];
}
