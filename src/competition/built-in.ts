/** The competition files that come with the program. */
import { assert } from "../base/assert.ts";
import demo from "./built-in/demo.json" with { type: "json" };
import latest from "./built-in/sn37-latest.json" with { type: "json" };
import launch from "./built-in/sn37-launch.json" with { type: "json" };
import type { CompetitionFile } from "./competition.ts";
import { parseCompetitionFile } from "./competition-file.ts";

const files = { "sn37-latest": latest, "sn37-launch": launch, demo } as const;

export type BuiltInName = keyof typeof files;
export const builtInNames = Object.keys(files) as readonly BuiltInName[];

/** A built-in file by its name. */
export function builtInCompetitions(name: BuiltInName): CompetitionFile {
  const parsed = parseCompetitionFile(JSON.stringify(files[name]));
  assert(parsed.kind === "competitions", `the built-in competitions ${name} are valid`);
  return parsed.file;
}

export function isBuiltIn(name: string): name is BuiltInName {
  return Object.hasOwn(files, name);
}
