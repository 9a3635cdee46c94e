/** A re-scoring for people: what was verified, then who gains and who loses. */

import { sentenceOf } from "./differences.ts";
import type { Earnings, Rescored } from "./rescore.ts";
import type { Table } from "./table.ts";

/** How many differences are spelled out; the JSON holds all. */
const differencesShown = 20;

/** Whether the stored numbers came back, in one or more lines. */
export function verificationLines({ count, differences }: Rescored): string[] {
  const pruned = count.pruned === 0 ? "" : ` ${count.pruned} more are pruned and cannot be replayed.`;
  const replayed = `${count.rounds} rounds with ${count.losses} losses were replayed`;
  if (differences.length === 0)
    return [`${replayed}: every standing, average and weight is as stored, bit for bit.${pruned}`];
  const shown = differences.slice(0, differencesShown).map((difference) => `  ${sentenceOf(difference)}`);
  const more = differences.length - shown.length;
  return [
    `${replayed}: ${differences.length} numbers differ from what is stored.${pruned}`,
    ...shown,
    ...(more > 0 ? [`  … and ${more} more (--json lists all)`] : []),
  ];
}

/** Variants are named once, in full, by the lines above the table; in its header a letter stands for each. */
const letterOf = (index: number) => String.fromCharCode(65 + (index % 26)).repeat(1 + Math.floor(index / 26));

/** One line per neuron: its weight and what it earned as stored, then the same under each variant with the change. */
export function earningsTable({ variants }: Rescored): Table {
  const [stored, ...others] = variants;
  const keys = new Map<string, Earnings>();
  for (const { earnings } of variants)
    for (const entry of earnings) keys.set(keyOf(entry), keys.get(keyOf(entry)) ?? entry);
  const byKey = variants.map(({ earnings }) => new Map(earnings.map((entry) => [keyOf(entry), entry])));
  const header = ["uid", "hotkey", "weight", "earned", "rounds won"];
  for (const index of others.keys())
    header.push(...["weight", "earned", "change"].map((title) => `${letterOf(index)}: ${title}`));
  const rows = [...keys.values()].map(({ uid, hotkey }) => {
    const key = keyOf({ uid, hotkey });
    const now = byKey[0]!.get(key);
    const row: (string | number)[] = [uid, hotkey, part(now?.weight), part(now?.earned), now?.roundsWon ?? 0];
    for (const [index] of others.entries()) {
      const then = byKey[index + 1]!.get(key);
      row.push(part(then?.weight), part(then?.earned), signed((then?.earned ?? 0) - (now?.earned ?? 0)));
    }
    return row;
  });
  return { header, rows: stored === undefined ? [] : rows };
}

/** Who gains and who loses most under each variant, a sentence each, by the letters of the table. */
export function gainLines({ variants }: Rescored): string[] {
  const [stored, ...others] = variants;
  const before = new Map(stored?.earnings.map((entry) => [keyOf(entry), entry.earned]));
  return others.map(({ name, earnings }, index) => {
    const after = new Map(earnings.map((entry) => [keyOf(entry), entry]));
    const changes = [...new Set([...before.keys(), ...after.keys()])]
      .map((key) => ({ key, change: (after.get(key)?.earned ?? 0) - (before.get(key) ?? 0) }))
      .filter(({ change }) => Math.abs(change) >= 0.00005)
      .sort((a, b) => b.change - a.change);
    if (changes.length === 0) return `${letterOf(index)} (${name}): nobody would have earned anything else.`;
    const [best, worst] = [changes[0]!, changes.at(-1)!];
    const said = [
      ...(best.change > 0 ? [`uid ${best.key.split(" ")[0]} gains most (${signed(best.change)})`] : []),
      ...(worst.change < 0 ? [`uid ${worst.key.split(" ")[0]} loses most (${signed(worst.change)})`] : []),
    ];
    return `${letterOf(index)} (${name}): ${said.join(", ")}; ${changes.length} would have earned something else.`;
  });
}

function keyOf({ uid, hotkey }: Pick<Earnings, "uid" | "hotkey">): string {
  return `${uid} ${hotkey}`;
}

function part(value: number | undefined): string {
  return (value ?? 0).toFixed(4);
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(4);
  if (Number(text) === 0) return text;
  return value > 0 ? `+${text}` : `−${text}`;
}
