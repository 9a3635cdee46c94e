/** What happens when whoever read the output is gone: the other end of a pipe was closed, or the disk under it is full. */
import { log } from "../base/log.ts";
import { exitCode } from "./command.ts";

let goesOn = false;
let isSaid = false;

/**
 * To be called before anything is written. A command that only prints ends, successfully where its reader has seen enough
 * (`| head`). One that does something besides goes on: a validator is not to stop earning because a log collector fell.
 */
export function watchReaders(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    const problem = error.code === "EPIPE" ? "nobody reads it any more" : error.message;
    if (goesOn) {
      // Every later line fails in the same way.
      if (!isSaid) log.warn(`standard output is lost (${problem}); the work goes on without it`);
      isSaid = true;
    } else if (error.code === "EPIPE") process.exit(exitCode.success);
    else {
      log.error(`standard output cannot be written: ${problem}`);
      process.exit(exitCode.failure);
    }
  });
  // When nobody reads what is said here, there is nowhere left to say so.
  process.stderr.on("error", () => {});
}

/** The command that is about to run goes on without a reader. */
export function outliveReaders(): void {
  goesOn = true;
}
