#!/usr/bin/env bun
/** The root command, the one catch, the exit codes. */
import { version } from "../package.json";
import { FailureError, InterruptedError, OperatorError } from "./base/errors.ts";
import { log, printable } from "./base/log.ts";
import { exitCode } from "./cli/command.ts";
import { renderRoot, root } from "./cli/commands.ts";
import { watchReaders } from "./cli/lost-reader.ts";
import { leaveMovingLine } from "./cli/moving-line.ts";
import { run } from "./cli/run.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(rawArgs: readonly string[]): Promise<number> {
  if (rawArgs.length === 1 && (rawArgs[0] === "--version" || rawArgs[0] === "-v")) {
    process.stdout.write(`finetune ${version}\n`);
    return exitCode.success;
  }
  watchReaders();
  try {
    return await run(root, rawArgs, renderRoot);
  } catch (error) {
    return report(error);
  }
}

/** Prints what went wrong to stderr. Only a programmer's mistake shows a stack. */
function report(error: unknown): number {
  const isClean = leaveMovingLine() || !process.stderr.isTTY;
  if (error instanceof InterruptedError) {
    // The terminal has written ^C where the shell's prompt is to begin.
    if (!isClean) process.stderr.write("\n");
    return exitCode.interrupted;
  }
  if (error instanceof OperatorError || error instanceof FailureError) {
    process.stderr.write(printable(`${error.message}\n${error.hint === "" ? "" : `${error.hint}\n`}`));
    return error instanceof OperatorError ? exitCode.operator : exitCode.failure;
  }
  log.error(error);
  return exitCode.failure;
}
