/**
 * Other rules, from the command line: `epsilon.start=0.03` sets one value in every competition that is replayed, a grid
 * sets several in turn, a competition file replaces all rules. What comes out is checked like any competition file.
 */
import { OperatorError } from "../base/errors.ts";
import type { CompetitionFile } from "../competition/competition.ts";
import { parseCompetitionFile } from "../competition/competition-file.ts";
import type { Uid } from "../subnet.ts";
import type { Variant } from "./replay.ts";

/** One value to set: a path within a competition, and the value as it was typed. */
export interface Change {
  readonly path: string;
  readonly value: string;
}

export interface VariantOptions {
  /** Applied in every variant. */
  readonly changes: readonly Change[];
  /** Each a path and its values; several make every combination. */
  readonly grid: readonly { readonly path: string; readonly values: readonly string[] }[];
  /** Replaces the stored rules before the changes. */
  readonly file?: CompetitionFile | undefined;
  readonly excludedUids: readonly Uid[];
  /** Only this competition is changed; undefined: all. */
  readonly competitionId?: number | undefined;
}

const variantsMax = 64;

/** The variants that the options ask for; one, without a change, when they ask for none. */
export function variantsOf(options: VariantOptions): Variant[] {
  let combinations: (readonly Change[])[] = [options.changes];
  for (const { path, values } of options.grid)
    combinations = combinations.flatMap((changes) => values.map((value) => [...changes, { path, value }]));
  if (combinations.length > variantsMax)
    throw new OperatorError(
      `The grid has ${combinations.length} combinations.`,
      `Ask for at most ${variantsMax} at a time.`,
    );
  const excludedUids = new Set(options.excludedUids);
  return combinations.map((changes) => ({
    name: nameOf(changes, options),
    rules: memoised((stored) => applyChanges(options.file ?? stored, changes, options.competitionId)),
    excludedUids,
  }));
}

/** The variant that changes nothing. */
export const asStored: Variant = { name: "as stored", rules: (stored) => stored, excludedUids: new Set() };

/** Whether a variant can be told from what is stored. */
export function changesNothing(options: VariantOptions): boolean {
  const { changes, grid, file, excludedUids } = options;
  return changes.length === 0 && grid.length === 0 && file === undefined && excludedUids.length === 0;
}

/** Parses `path=value`. */
export function parseChange(text: string, flag: string): Change {
  const at = text.indexOf("=");
  if (at > 0 && at < text.length - 1) return { path: text.slice(0, at), value: text.slice(at + 1) };
  throw new OperatorError(
    `--${flag} is \`${text}\`, which is not a path and a value.`,
    `Write it as in --${flag} epsilon.start=0.03.`,
  );
}

/** Parses `path=value,value,…`. */
export function parseGrid(text: string): VariantOptions["grid"][number] {
  const { path, value } = parseChange(text, "grid");
  return { path, values: value.split(",") };
}

function nameOf(changes: readonly Change[], { file, excludedUids }: VariantOptions): string {
  const parts = [
    ...(file === undefined ? [] : [file.name]),
    ...changes.map(({ path, value }) => `${path}=${value}`),
    ...(excludedUids.length === 0 ? [] : [`without uid ${excludedUids.join(", ")}`]),
  ];
  return parts.length === 0 ? asStored.name : parts.join(" ");
}

function applyChanges(
  file: CompetitionFile,
  changes: readonly Change[],
  competitionId: number | undefined,
): CompetitionFile {
  if (changes.length === 0) return file;
  const copy = JSON.parse(JSON.stringify(file)) as { schedule: { competitions: { id: number }[] }[] };
  for (const { competitions } of copy.schedule)
    for (const competition of competitions)
      if (competitionId === undefined || competition.id === competitionId)
        for (const change of changes) setValue(competition as unknown as JsonObject, change);
  const parsed = parseCompetitionFile(JSON.stringify(copy));
  if (parsed.kind === "competitions") return parsed.file;
  const [problem] = parsed.problems;
  throw new OperatorError(
    `These changes make no valid rules: ${problem?.path}: ${problem?.message}`,
    "See `finetune competition schema` for what a competition may say.",
  );
}

type JsonObject = { [key: string]: unknown };

/** Sets a value by its path. Tasks are named: `tasks.FINEWEB.weight`. A new `kind` clears what belonged to the old one. */
function setValue(competition: JsonObject, { path, value }: Change): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  let target: JsonObject = competition;
  for (const key of keys) {
    const next: unknown = Array.isArray(target) ? target.find((item) => item.name === key) : own(target, key);
    if (typeof next !== "object" || next === null) throw noSuchPath(path, key, target);
    target = next as JsonObject;
  }
  if (last === "kind") for (const key of Object.keys(target)) delete target[key];
  else if (own(target, last) === undefined && own(target, "kind") === undefined) throw noSuchPath(path, last, target);
  target[last] = parseValue(value);
}

function own(target: JsonObject, key: string): unknown {
  return Object.hasOwn(target, key) ? target[key] : undefined;
}

function noSuchPath(path: string, key: string, target: JsonObject): OperatorError {
  const known = Array.isArray(target) ? target.map((item) => item.name) : Object.keys(target);
  return new OperatorError(
    `A competition has no \`${path}\`: there is no \`${key}\`.`,
    `There are ${known.join(", ")}.`,
  );
}

/** Numbers, booleans and null as JSON has them; anything else is a word. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Rules are few and rounds many: each stored file is changed and checked once. */
function memoised(change: (stored: CompetitionFile) => CompetitionFile): Variant["rules"] {
  const known = new Map<CompetitionFile, CompetitionFile>();
  return (stored) => {
    const cached = known.get(stored);
    if (cached !== undefined) return cached;
    const changed = change(stored);
    known.set(stored, changed);
    return changed;
  };
}
