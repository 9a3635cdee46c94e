/** Logs go to stderr, so that stdout carries results alone. */
import { createConsola } from "consola";

export const log = createConsola({ stdout: process.stderr, stderr: process.stderr, formatOptions: { date: false } });

// What nodes, hubs and miners say ends up in sentences; a terminal must not obey it.
log.setReporters(
  log.options.reporters.map((reporter) => ({
    log: (entry, context) =>
      reporter.log(
        { ...entry, args: entry.args.map((arg) => (typeof arg === "string" ? printable(arg) : arg)) },
        context,
      ),
  })),
);

/** Control sequences and other unprintables; newlines and tabs are none. */
export const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** A text from outside with its unprintables replaced. */
export function printable(text: string): string {
  return text.replace(unprintable, "\ufffd");
}
