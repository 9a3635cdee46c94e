/** `finetune export`: tables for other programs, or a state that may be published. */
import { OperatorError } from "../base/errors.ts";
import { command } from "./command.ts";
import { nearest } from "./nearest.ts";
import { print } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";

const names = ["losses", "standings", "weights", "models", "state"] as const;

export default command({
  summary: "losses, standings, weights or models as a table; or the state itself, to publish",
  examples: [
    {
      line: "export losses --format parquet --output losses.parquet",
      explains: "every loss with its model, task and batch",
    },
    { line: "export weights --format jsonl", explains: "the weights of every round, a JSON document a line" },
    { line: "export state --output published.sqlite", explains: "a copy without secrets, for `finetune import`" },
  ],
  args: {
    ...settingArgs("db"),
    what: { type: "positional", required: true, description: names.join(", ") },
    format: { type: "string", valueHint: "FORMAT", description: "csv, jsonl or parquet [default csv]" },
    output: { type: "string", valueHint: "FILE", description: "a new file [default stdout]" },
  },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { exportable, exportState, exportTable } = await import("../rescore/export.ts");
    const { tableFormats, writeTable } = await import("../rescore/tabular.ts");
    const { onInterrupt } = await import("../base/interrupt.ts");
    const what = choice(args.what, names, "There is nothing to export called");
    const format = choice(args.format ?? "csv", tableFormats, "There is no format");
    if (what === "state" && (args.output === undefined || args.format !== undefined))
      throw new OperatorError("A state is a SQLite file.", "Give its name with --output, and no --format.");
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      if (what === "state") {
        const sizeBytes = await exportState(store, args.output!);
        print(`${args.output} holds ${sizeBytes} bytes and no secrets.`);
        return;
      }
      const table = exportable[what];
      const rows = await exportTable(store, table, writeTable(format, table.columns, args.output), onInterrupt());
      if (args.output !== undefined) print(`${args.output} holds ${rows} rows.`);
    } finally {
      await store.close();
    }
  },
});

function choice<const T extends string>(given: string, known: readonly T[], complaint: string): T {
  const found = known.find((name) => name === given);
  if (found !== undefined) return found;
  const guess = nearest(given, known);
  throw new OperatorError(
    `${complaint} \`${given}\`.`,
    guess === undefined ? `There are ${known.join(", ")}.` : `Did you mean ${guess}?`,
  );
}
