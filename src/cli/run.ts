/** From the command line to a command: finds it, answers --help, refuses what it does not know, runs it. */
import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, renderUsage, runCommand } from "citty";
import { OperatorError } from "../base/errors.ts";
import { keepFreedMemory } from "../base/self.ts";
import { type Command, type Entry, exitCode, type Group } from "./command.ts";
import { outliveReaders } from "./lost-reader.ts";
import { nearest } from "./nearest.ts";

const helpFlags = new Set(["--help", "-h"]);

/** Runs `finetune <path> <rawArgs>` and returns the exit code. Throws `OperatorError` for what it cannot understand. */
export async function run(root: Group, rawArgs: readonly string[], renderRoot: () => string): Promise<number> {
  const path: string[] = [];
  let current: Command | Group = root;
  let rest = [...rawArgs];
  while (current.kind === "group") {
    const name = rest[0];
    if (name === undefined || helpFlags.has(name)) {
      // Whoever leaves the command out of a script has made a mistake, and its reader must not take help for a result.
      const incomplete = name === undefined && path.length > 0;
      const help = path.length === 0 ? renderRoot() : renderGroup(path, current);
      (incomplete ? process.stderr : process.stdout).write(help);
      return incomplete ? exitCode.operator : exitCode.success;
    }
    const entry: Entry | undefined = Object.hasOwn(current.commands, name) ? current.commands[name] : undefined;
    if (entry === undefined && name.startsWith("-")) throw unknownFlag(path, name, groupFlags(path));
    if (entry === undefined) throw unknownCommand(path, name, Object.keys(current.commands));
    path.push(name);
    rest = rest.slice(1);
    current = (await entry.load()).default;
  }
  const separator = rest.indexOf("--");
  const flags = separator < 0 ? rest : rest.slice(0, separator);
  if (flags.some((arg) => helpFlags.has(arg))) {
    process.stdout.write(await renderCommand(path, current));
    return exitCode.success;
  }
  refuseUnknownFlags(path, current, rest);
  if (current.keepsFreedMemory) keepFreedMemory();
  if (current.outlivesReaders) outliveReaders();
  try {
    const { result } = await runCommand(current.definition, { rawArgs: rest });
    return typeof result === "number" ? result : exitCode.success;
  } catch (error) {
    if (error instanceof Error && error.name === "CLIError") throw usageError(path, error.message);
    throw error;
  }
}

function usageError(path: readonly string[], message: string): OperatorError {
  const plain = stripVTControlCharacters(message).replace(/[.]?$/, ".");
  return new OperatorError(plain, `See \`finetune ${path.join(" ")} --help\`.`);
}

function unknownCommand(path: readonly string[], name: string, known: readonly string[]): OperatorError {
  const full = [...path, name].join(" ");
  const guess = nearest(name, known);
  return new OperatorError(
    `There is no command \`${full}\`.`,
    guess === undefined
      ? `See \`finetune ${[...path, "--help"].join(" ")}\`.`
      : `Did you mean \`finetune ${[...path, guess].join(" ")}\`?`,
  );
}

function unknownFlag(path: readonly string[], flag: string, known: readonly string[]): OperatorError {
  const full = ["finetune", ...path].join(" ");
  const guess = nearest(flag, known);
  return new OperatorError(
    `\`${full}\` has no flag ${flag}.`,
    guess === undefined ? `See \`${full} --help\`.` : `Did you mean ${guess}?`,
  );
}

/** Other flags belong to the commands, and come after their names. */
function groupFlags(path: readonly string[]): string[] {
  return path.length === 0 ? ["--help", "--version"] : ["--help"];
}

/** citty accepts unknown flags, missing values and surplus positionals silently; an operator's typo must not. */
function refuseUnknownFlags(path: readonly string[], target: Command, rawArgs: readonly string[]): void {
  const args = (target.definition.args ?? {}) as ArgsDef;
  const known = new Map<string, "boolean" | "value">();
  let positionals = 0;
  for (const [name, definition] of Object.entries(args)) {
    if (definition.type === "positional") {
      positionals += 1;
      continue;
    }
    const kind = definition.type === "boolean" ? "boolean" : "value";
    known.set(`--${name}`, kind);
    if (kind === "boolean") known.set(`--no-${name}`, kind);
    for (const alias of "alias" in definition ? [definition.alias ?? []].flat() : [])
      known.set(alias.length === 1 ? `-${alias}` : `--${alias}`, kind);
  }
  let seen = 0;
  for (let index = 0; index < rawArgs.length; index++) {
    const arg = rawArgs[index]!;
    if (arg === "--") break;
    if (!arg.startsWith("-") || arg === "-") {
      seen += 1;
      if (seen > positionals && !target.manyPositionals)
        throw usageError(path, `Unexpected argument \`${arg}\` for \`finetune ${path.join(" ")}\``);
      continue;
    }
    const [flag, inline] = splitOnce(arg, "=");
    const kind = known.get(flag);
    if (kind === undefined) {
      throw unknownFlag(path, flag, [...known.keys(), "--help"]);
    }
    if (kind === "value" && inline === undefined) {
      const value = rawArgs[index + 1];
      if (value === undefined || (value.startsWith("--") && value.length > 2))
        throw usageError(path, `${flag} needs a value`);
      index += 1;
    }
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function renderGroup(path: readonly string[], target: Group): string {
  const lines = Object.entries(target.commands).map(([name, entry]) => [name, entry.summary] as const);
  return `${target.summary}\n\nUsage: finetune ${path.join(" ")} <command> [flags]\n\n${renderColumns(lines)}\n\nSee \`finetune ${path.join(" ")} <command> --help\`.\n`;
}

async function renderCommand(path: readonly string[], target: Command): Promise<string> {
  const args = Object.entries((target.definition.args ?? {}) as ArgsDef).map(([name, definition]) => [
    name,
    // An older spelling of a flag is accepted and not advertised.
    "alias" in definition && definition.alias?.length !== 1 ? { ...definition, alias: [] } : definition,
  ]);
  const colored = await renderUsage({
    ...target.definition,
    args: Object.fromEntries(args) as ArgsDef,
    meta: { name: `finetune ${path.join(" ")}`, description: target.summary },
  });
  const usage = process.stdout.isTTY ? colored : stripVTControlCharacters(colored).replace(/[ \t]+$/gm, "");
  const examples = target.examples.map(({ line, explains }) => `  # ${explains}\n  finetune ${line}`);
  return `${usage.trimEnd()}\n\nEXAMPLES\n\n${examples.join("\n\n")}\n`;
}

/** Two aligned columns, indented by two. */
export function renderColumns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}
