/**
 * How long a million stored losses take to be read and judged again, compared number by number with what was stored; and
 * how much memory. The reference is the driver reading the same rows and doing nothing with them.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { renderTable } from "../src/cli/output.ts";
import { rescore } from "../src/rescore/rescore.ts";
import { openStore } from "../src/store/store.ts";
import { makeSyntheticState } from "../test/fixtures/synthetic-state.ts";

export interface ReplayFigures {
  readonly rounds: number;
  readonly losses: number;
  readonly differences: number;
  readonly replaySeconds: number;
  readonly memoryMebibytesMax: number;
  readonly referenceSeconds: number;
}

const shape = { models: 16, batches: 400 };

/** Makes a state of about `losses` losses, and replays it in a child, whose memory is then its own. */
export async function benchReplay(losses = 1_000_000): Promise<ReplayFigures> {
  const folder = mkdtempSync(join(tmpdir(), "bench-replay-"));
  const path = join(folder, "state.sqlite");
  try {
    // One model in sixteen fails every third round and has no losses then.
    const rounds = Math.ceil(losses / (shape.batches * (shape.models - 1 / 3)));
    await makeSyntheticState({ path, rounds, ...shape, seed: 1 });
    const referenceSeconds = readAll(path);
    const child = Bun.spawnSync([process.execPath, import.meta.path, path], { stderr: "inherit" });
    return { ...(JSON.parse(child.stdout.toString()) as Omit<ReplayFigures, "referenceSeconds">), referenceSeconds };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readAll(path: string): number {
  const database = new Database(path, { readonly: true });
  const start = performance.now();
  database.prepare("select evaluation_id, batch, loss from losses order by evaluation_id, batch").all();
  const seconds = (performance.now() - start) / 1000;
  database.close();
  return seconds;
}

/** Runs in the child: opening the file is part of the time, starting the program is not. */
async function replayOnce(path: string): Promise<Omit<ReplayFigures, "referenceSeconds">> {
  const start = performance.now();
  const store = await openStore({ path, mode: "read" });
  const { count, differences } = await rescore(store, { variants: [] });
  const replaySeconds = (performance.now() - start) / 1000;
  await store.close();
  const memoryMebibytesMax = peakKibibytes() / 1024;
  return {
    rounds: count.rounds,
    losses: count.losses,
    differences: differences.length,
    replaySeconds,
    memoryMebibytesMax,
  };
}

/** Linux carries getrusage's peak over from the parent into a child; the memory map's own peak is the child's alone. */
function peakKibibytes(): number {
  const status = "/proc/self/status";
  const own = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))?.[1] : undefined;
  return own === undefined ? process.resourceUsage().maxRSS : Number(own);
}

export function replayTable(figures: ReplayFigures): string {
  const { rounds, losses, differences, replaySeconds, memoryMebibytesMax, referenceSeconds } = figures;
  const rate = (seconds: number) => Math.round(losses / seconds);
  return renderTable(
    [`${rounds} rounds, ${losses} losses, ${differences} differences`, "s", "losses/s", "of better-sqlite3", "MiB"],
    [
      [
        "replay and compare",
        replaySeconds.toFixed(2),
        rate(replaySeconds),
        (referenceSeconds / replaySeconds).toFixed(2),
        Math.round(memoryMebibytesMax),
      ],
      ["better-sqlite3, select all", referenceSeconds.toFixed(2), rate(referenceSeconds), "1.00", "–"],
    ],
  );
}

if (import.meta.main) {
  const [path] = process.argv.slice(2);
  if (path === undefined) process.stdout.write(`${replayTable(await benchReplay())}\n`);
  else process.stdout.write(JSON.stringify(await replayOnce(path)));
}
