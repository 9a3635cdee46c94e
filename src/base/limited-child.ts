/**
 * The child's side of a limited process: one JSON document a line from its parent, and to it. It ends when its parent does.
 */
import { writeFileSync, writeSync } from "node:fs";
import { dieWithParent } from "./lifeline.ts";
import { readLines } from "./lines.ts";

/** The parent is trusted: its lines are as long as its samples. */
const lineBytesMax = 2 ** 31;

/**
 * Takes documents from stdin until it ends. Never returns.
 * @param take begins the work on one; what its promise rejects with ends the process
 */
export async function serveParent(take: (document: unknown) => Promise<void>): Promise<never> {
  dieWithParent();
  volunteerForMemoryKill();
  // A service manager that stops the validator signals every process of it: whose work this is decides when it ends.
  process.on("SIGTERM", () => {});
  for await (const line of readLines(Bun.stdin.stream(), lineBytesMax)) take(JSON.parse(line)).catch(crash);
  // The parent is gone or has what it wanted; an answer that is still being computed has no reader.
  process.exit(0);
}

/** When the machine runs out of memory the kernel shall take this process, not the validator. */
function volunteerForMemoryKill(): void {
  if (process.platform === "linux") writeFileSync("/proc/self/oom_score_adj", "1000");
}

/** The parent reads the end of stderr. */
function crash(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(70);
}

/** Written at once, since the computation that follows does not let the event loop run. */
export function say(value: unknown): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  for (let done = 0; done < bytes.length; ) done += writeSome(bytes.subarray(done));
}

/** The pipe does not block by itself: when the parent is slow to read, this waits for it. */
function writeSome(bytes: Uint8Array): number {
  try {
    return writeSync(process.stdout.fd, bytes);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
    Bun.sleepSync(1);
    return 0;
  }
}
