/** Compares what we compute with what the original program computed, counts, and keeps the differences. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

// biome-ignore lint/suspicious/noExplicitAny: vectors are read as they are; a wrong shape shows as a difference
export type Vector = any;

export class Tally {
  cases = 0;
  /** The largest relative or absolute difference among the numbers that were compared with a tolerance. */
  worst = 0;
  readonly problems: string[] = [];

  constructor(readonly folder: string) {}

  /** A parsed vector file. */
  read(file: string): Vector {
    return JSON.parse(readFileSync(join(this.folder, file), "utf8"));
  }

  /** Exactly equal, NaN to NaN. */
  equal(where: string, actual: unknown, expected: unknown): void {
    this.cases += 1;
    if (!Bun.deepEquals(actual, expected, true)) this.#differs(where, `${show(actual)} instead of ${show(expected)}`);
  }

  /** Within a relative difference of 1e-12, the tolerance of 64-bit arithmetic. */
  near(where: string, actual: number, expected: number): void {
    this.#within(where, actual, expected, Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-300), 1e-12);
  }

  /** Every element within an absolute difference of 1e-6, the tolerance of tensors in 32 bits. */
  nearTensor(where: string, actual: readonly number[], expected: readonly number[]): void {
    this.equal(`${where} length`, actual.length, expected.length);
    if (actual.length !== expected.length) return;
    for (const [index, value] of actual.entries())
      this.#within(`${where}[${index}]`, value, expected[index]!, Math.abs(value - expected[index]!), 1e-6);
  }

  /** Within an absolute difference of 1e-5, the tolerance of losses from logits. */
  nearLoss(where: string, actual: number, expected: number): void {
    this.#within(where, actual, expected, Math.abs(actual - expected), 1e-5);
  }

  #within(where: string, actual: number, expected: number, difference: number, allowed: number): void {
    this.cases += 1;
    if (Object.is(actual, expected) || actual === expected) return;
    if (difference <= allowed) this.worst = Math.max(this.worst, difference);
    else this.#differs(where, `${actual} instead of ${expected}`);
  }

  #differs(where: string, what: string): void {
    this.problems.push(`${where}: ${what}`);
  }
}

/** A number as the vectors write it: "inf", "-inf", null for NaN. */
export function numberOf(value: number | string | null): number {
  if (value === null) return Number.NaN;
  if (value === "inf") return Number.POSITIVE_INFINITY;
  if (value === "-inf") return Number.NEGATIVE_INFINITY;
  return Number(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (_, part) =>
    typeof part === "number" && !Number.isFinite(part) ? `${part}` : part,
  );
  return text === undefined ? "undefined" : text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
