/** Which processes a command has started, as the kernel tells it: also those that outlive their parent. */
import { readdirSync, readFileSync } from "node:fs";

/** A process by number and start, since numbers are used again. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly startedAt: string;
  readonly command: string;
}

/** The processes below `pid`, children of children included. */
export function descendantsOf(pid: number): Process[] {
  const all = processes();
  const found: Process[] = [];
  let parents = [pid];
  while (parents.length > 0) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map((child) => child.pid);
  }
  return found;
}

/** Those that still run; waits for them to end for as long as `patienceMs`. */
export async function survivors(of: readonly Process[], patienceMs: number): Promise<Process[]> {
  for (const until = performance.now() + patienceMs; ; await Bun.sleep(50)) {
    const running = processes();
    const left = of.filter((one) =>
      running.some(({ pid, startedAt }) => pid === one.pid && startedAt === one.startedAt),
    );
    if (left.length === 0 || performance.now() > until) return left;
  }
}

function processes(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => read(Number(name)) ?? []);
}

function read(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; who collects it is its parent's affair.
    if (fields[0] === "Z") return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid, parent: Number(fields[1]), startedAt: fields[19]!, command };
  } catch {
    return undefined;
  }
}
