/**
 * Ctrl-C and SIGTERM as an AbortSignal, and the end of a child whose parent is gone. The signals' reason is an
 * `InterruptedError`: what `throwIfAborted` throws ends the command without a word, like every other interruption.
 */
import { InterruptedError } from "./errors.ts";

/** Aborts at the first Ctrl-C or SIGTERM, so that work can end cleanly; a second one ends the process at once. */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new InterruptedError());
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}

/**
 * Aborts when standard input ends. A parent that holds the other end of the pipe ends its children so, also when it is
 * killed and cannot tell them.
 */
export function onParentGone(): AbortSignal {
  const controller = new AbortController();
  const stop = () => controller.abort(new InterruptedError());
  process.stdin.on("end", stop).on("close", stop).on("error", stop).resume();
  // Waiting for the end of a parent is no reason to live.
  process.stdin.unref();
  return controller.signal;
}

/**
 * Leaves Ctrl-C and SIGTERM to the parent: a terminal and a service manager signal every process, and a part that ends
 * before the whole has heard of it would look like one that failed.
 */
export function leaveInterruptToParent(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
