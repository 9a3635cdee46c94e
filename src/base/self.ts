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
