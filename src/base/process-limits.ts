/** What a child process that works on a stranger's files may use, and how it is measured from outside. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ChildLimits {
  /** Without a line from the child while it has work. */
  readonly silenceSecondsMax: number;
  /** For one request. */
  readonly requestSecondsMax: number;
  /** From start to end. */
  readonly totalSecondsMax: number;
  /**
   * Anonymous memory: what cannot be given back by forgetting file pages. Address space is no measure (parameters are
   * mapped and the JavaScript engine reserves far more than it uses), so this is watched, not set as RLIMIT_AS.
   */
  readonly memoryBytesMax: number;
  /** Of all lines of one request together, and of one line. */
  readonly outputBytesMax: number;
  readonly lineBytesMax: number;
  readonly openFilesMax: number;
}

export const defaultLimits: ChildLimits = {
  silenceSecondsMax: 1200,
  requestSecondsMax: 4 * 3600,
  totalSecondsMax: 8 * 3600,
  memoryBytesMax: 64 * 2 ** 30,
  outputBytesMax: 1 << 30,
  lineBytesMax: 64 << 20,
  openFilesMax: 1024,
};

/** Between two looks at the memory. A child allocates at most a few gigabytes in that time. */
export const memoryPollMilliseconds = 100;

/**
 * The command line that runs another one with the limits that the kernel enforces: open files, no core dump (it would
 * be as large as the model), and no file larger than a native library (which the child may extract once).
 */
export function limitedCommand(command: readonly string[], limits: ChildLimits): string[] {
  const fileBlocksMax = 2 ** 20;
  const script = `ulimit -c 0 && ulimit -n "$0" && ulimit -f ${fileBlocksMax} && exec "$@"`;
  return ["/bin/sh", "-c", script, String(limits.openFilesMax), ...command];
}

/** The anonymous memory of a process in bytes; 0 when it has ended. Where there is no /proc: all resident memory. */
export function anonymousBytes(pid: number): number {
  if (process.platform !== "linux") {
    const { stdout } = spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" });
    return (Number.parseInt(stdout, 10) || 0) * 1024;
  }
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return kibibytes(status, "RssAnon") + kibibytes(status, "RssShmem") + kibibytes(status, "VmSwap");
  } catch {
    return 0;
  }
}

function kibibytes(status: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status);
  return found === null ? 0 : Number(found[1]) * 1024;
}
