/** What a command file exports: citty's definition, and the examples that its `--help` ends with. */
import { type ArgsDef, type CommandDef, defineCommand, type ParsedArgs } from "citty";

export interface Example {
  /** What follows `finetune ` on the command line. */
  readonly line: string;
  readonly explains: string;
}

/** A command that runs. `args` are citty's; `examples` must not be empty. */
export interface Command {
  readonly kind: "command";
  readonly summary: string;
  readonly examples: readonly Example[];
  readonly definition: CommandDef<ArgsDef>;
  /** Positional arguments beyond the declared ones are handed over in `args._` instead of being refused. */
  readonly manyPositionals: boolean;
  /** It does something besides printing, and goes on when its output has no reader left. */
  readonly outlivesReaders: boolean;
  /** It frees and takes much memory by turns. */
  readonly keepsFreedMemory: boolean;
}

/** A command that only holds others: `finetune wallet create`. */
export interface Group {
  readonly kind: "group";
  readonly summary: string;
  readonly commands: Readonly<Record<string, Entry>>;
}

/** A line of a command table: the summary is here so that help never loads the command itself. */
export interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly default: Command | Group }>;
}

/** Exit codes of the whole program. */
export const exitCode = { success: 0, failure: 1, operator: 2, interrupted: 130 } as const;

/**
 * Defines a command. `run` returns the exit code (nothing: 0); what it throws is printed by the one catch in main.
 */
export function command<const A extends ArgsDef>(description: {
  readonly summary: string;
  readonly examples: readonly Example[];
  readonly args: A;
  readonly manyPositionals?: boolean;
  readonly outlivesReaders?: boolean;
  readonly keepsFreedMemory?: boolean;
  readonly run: (args: ParsedArgs<A>, rawArgs: readonly string[]) => Promise<number | undefined> | Promise<void>;
}): Command {
  const definition = defineCommand({
    meta: { description: description.summary },
    args: description.args,
    run: (context) => description.run(context.args as ParsedArgs<A>, context.rawArgs),
  });
  return {
    kind: "command",
    summary: description.summary,
    examples: description.examples,
    definition: definition as unknown as CommandDef<ArgsDef>,
    manyPositionals: description.manyPositionals ?? false,
    outlivesReaders: description.outlivesReaders ?? false,
    keepsFreedMemory: description.keepsFreedMemory ?? false,
  };
}

/** Defines a group of commands, each loaded only when it is called. */
export function group(summary: string, commands: Readonly<Record<string, Entry>>): Group {
  return { kind: "group", summary, commands };
}
