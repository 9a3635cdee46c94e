/** Turns the text of a flag into a value, or says what is wrong with it. */
import { OperatorError } from "../base/errors.ts";

interface Range {
  readonly flag: string;
  readonly min?: number;
  readonly max?: number;
}

/** An integer within its bounds. */
export function integer(text: string, range: Range): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  return within(value, text, "a whole number", range);
}

/** A finite decimal number within its bounds. */
export function decimal(text: string, range: Range): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return within(value, text, "a number", range);
}

function within(value: number, text: string, kind: string, { flag, min = -Infinity, max = Infinity }: Range): number {
  if (Number.isFinite(value) && value >= min && value <= max) return value;
  const bounds = [
    min === -Infinity ? "" : ` of at least ${min}`,
    max === Infinity ? "" : `${min === -Infinity ? " of" : " and"} at most ${max}`,
  ];
  throw new OperatorError(
    `--${flag} is \`${text}\`, which is not ${kind}${bounds.join("")}.`,
    `Give --${flag} ${kind}${bounds.join("")}.`,
  );
}

/** Every value of a flag that may be given several times (citty keeps the last only). */
export function repeated(rawArgs: readonly string[], flag: string): string[] {
  const values: string[] = [];
  for (let index = 0; index < rawArgs.length; index++) {
    const arg = rawArgs[index]!;
    if (arg === "--") break;
    if (arg === `--${flag}` && index + 1 < rawArgs.length) values.push(rawArgs[++index]!);
    else if (arg.startsWith(`--${flag}=`)) values.push(arg.slice(flag.length + 3));
  }
  return values;
}

const unitMs: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3 };

/** A time such as `90s`, `12h`, `30d` or `2w`, in milliseconds. */
export function durationMs(text: string, { flag }: { readonly flag: string }): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return Number(count) * unitMs[unit]!;
  throw new OperatorError(
    `--${flag} is \`${text}\`, which is not a time.`,
    `Give --${flag} a number and a unit: s, m, h, d or w, as in 30d.`,
  );
}
