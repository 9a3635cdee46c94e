/**
 * How a part of the local subnet runs as a process: it prints one JSON line when it is ready and stays until it is
 * interrupted or, as a child, until the process that started it lets go of it or is gone.
 */
import { aborted, leaveInterruptToParent, onInterrupt, onParentGone } from "../base/interrupt.ts";

export interface ServingOptions {
  /** The parent holds our standard input: when it ends, so do we. */
  readonly child: boolean;
  /** What to print when ready: one JSON line for a program, text for a person. */
  readonly announce: () => void;
  readonly close: () => Promise<void>;
}

/** Announces a running server, waits for the end and closes it. */
export async function serve({ child, announce, close }: ServingOptions): Promise<void> {
  if (child) leaveInterruptToParent();
  const ends = child ? onParentGone() : onInterrupt();
  try {
    announce();
    await aborted(ends);
    // The terminal has written ^C where the shell's prompt is to begin.
    if (process.stderr.isTTY) process.stderr.write("\n");
  } finally {
    await close();
  }
}
