/** Which competitions a command works with: a built-in name or a file of the operator's. */
import type { StringArgDef } from "citty";
import { messageOf, OperatorError } from "../base/errors.ts";
import { readOperatorFile } from "../base/operator-file.ts";
import { builtInCompetitions, builtInNames, isBuiltIn } from "../competition/built-in.ts";
import type { CompetitionFile } from "../competition/competition.ts";
import { type ParsedFile, parseCompetitionFile } from "../competition/competition-file.ts";
import { integer } from "./values.ts";

/** The flag `--competitions` of every command that needs them. */
export const competitionFileArg: StringArgDef = {
  type: "string",
  alias: "competition-file",
  valueHint: "NAME|FILE",
  description: `the competitions: ${builtInNames.join(", ")}, or a JSON file (\`finetune competition schema\`)`,
};

const fileBytesMax = 10_000_000;

/** The competitions of a built-in name or a file; an `OperatorError` lists every mistake in a file. */
export async function loadCompetitions(nameOrPath: string): Promise<CompetitionFile> {
  if (isBuiltIn(nameOrPath)) return builtInCompetitions(nameOrPath);
  const parsed = await parseFile(nameOrPath);
  if (parsed.kind === "competitions") return parsed.file;
  const lines = parsed.problems.map(({ path, message }) => `  ${path === "" ? "" : `${path}: `}${message}`);
  throw new OperatorError(
    `${nameOrPath} is not a valid competition file:\n${lines.join("\n")}`,
    "`finetune competition schema` prints what a competition file holds, `finetune competition show 1 --competitions demo --json` an example.",
  );
}

/** Where a competition is looked for, in this order: the files that are named, else all built-in ones. */
export async function namedCompetitions(nameOrPath: string | undefined): Promise<readonly CompetitionFile[]> {
  return nameOrPath === undefined ? builtInNames.map(builtInCompetitions) : [await loadCompetitions(nameOrPath)];
}

/** The flag `--competitions` of a command that uses `namedCompetitions`. */
export const namedCompetitionsArg: StringArgDef = {
  ...competitionFileArg,
  description: `${competitionFileArg.description} [the first built-in in which it runs]`,
};

/** A competition's number on the command line: what a commitment can hold. */
export function competitionIdOf(text: string): number {
  return integer(text, { flag: "competition", min: 0, max: 65_535 });
}

/** Reads and checks a file; only a file that cannot be read is an error here. */
export async function parseFile(path: string): Promise<ParsedFile> {
  try {
    return parseCompetitionFile(new TextDecoder().decode(await readOperatorFile(path, { bytesMax: fileBytesMax })));
  } catch (error) {
    throw new OperatorError(
      `The competition file ${path} cannot be read: ${messageOf(error)}.`,
      `Give a path, or one of the built-in names: ${builtInNames.join(", ")}.`,
    );
  }
}
