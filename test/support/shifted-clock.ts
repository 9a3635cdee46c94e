/**
 * Loaded before the program with `--preload`: the machine's wall clock, ahead or behind by the milliseconds that the file
 * in FINETUNE_TEST_CLOCK names at that moment. Like a clock that somebody sets, it moves nothing else: not the clock that
 * durations are measured with, and no timer.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

const file = process.env.FINETUNE_TEST_CLOCK;

if (file !== undefined) {
  const { now } = Date;
  Date.now = () => now() + Number(readFileSync(file, "utf8"));
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [Date.now()] : args, newTarget),
    apply: () => new Date().toString(),
  });
}

/** What a program must be started with, and how its clock is set. */
export interface ShiftedClock {
  readonly variables: Readonly<Record<string, string>>;
  set(aheadMs: number): void;
}

/** @param path a file of its own that holds the shift */
export function shiftedClock(path: string): ShiftedClock {
  const set = (aheadMs: number) => {
    // Read at any moment by another process: never half written.
    writeFileSync(`${path}.aside`, String(aheadMs));
    renameSync(`${path}.aside`, path);
  };
  set(0);
  return { variables: { BUN_OPTIONS: `--preload ${import.meta.path}`, FINETUNE_TEST_CLOCK: path }, set };
}
