/** `finetune rescore`: replays stored rounds, as they were or under other rules. */
import { printable } from "../base/log.ts";
import { command, exitCode } from "./command.ts";
import { competitionFileArg, loadCompetitions } from "./competitions.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer, repeated } from "./values.ts";

export default command({
  summary: "replay stored losses: verify every number, or see what other rules would have paid",
  examples: [
    { line: "rescore --verify", explains: "exit code 1 unless every stored number comes back bit for bit" },
    { line: "rescore --set epsilon.start=0.03", explains: "who would have gained and who would have lost" },
    {
      line: "rescore --grid epsilon.start=0.01,0.03,0.05 --csv --output grid.csv",
      explains: "several variants, every round",
    },
    { line: "rescore --competitions other.json --exclude-uid 7 --json", explains: "other rules, without a miner" },
  ],
  args: {
    ...settingArgs("db"),
    competition: { type: "string", valueHint: "ID", description: "only this competition" },
    from: { type: "string", valueHint: "BLOCK", description: "only rounds of this sync block and later" },
    to: { type: "string", valueHint: "BLOCK", description: "only rounds up to this sync block" },
    set: {
      type: "string",
      valueHint: "PATH=VALUE",
      description: "change a rule, as in epsilon.start=0.03; repeatable",
    },
    grid: {
      type: "string",
      valueHint: "PATH=V,V,…",
      description: "a variant for each value; repeatable: every combination",
    },
    competitions: { ...competitionFileArg, description: "rules to use instead of the stored ones" },
    "exclude-uid": { type: "string", valueHint: "UID", description: "as if it had not contended; repeatable" },
    verify: { type: "boolean", description: "only say whether the stored numbers come back" },
    json: { type: "boolean", description: "print one JSON document" },
    csv: { type: "boolean", description: "print every uid of every round as CSV" },
    parquet: { type: "boolean", description: "the same as Parquet" },
    output: { type: "string", valueHint: "FILE", description: "write the table to a new file" },
  },
  async run(args, rawArgs) {
    const { OperatorError } = await import("../base/errors.ts");
    const { openStore } = await import("../store/store.ts");
    const { rescore } = await import("../rescore/rescore.ts");
    const { changesNothing, parseChange, parseGrid, variantsOf } = await import("../rescore/variant.ts");
    const { writeEntries } = await import("../rescore/entries.ts");
    const { earningsTable, gainLines, verificationLines } = await import("../rescore/report.ts");
    const { onInterrupt } = await import("../base/interrupt.ts");

    const block = (flag: "competition" | "from" | "to") =>
      args[flag] === undefined ? undefined : integer(args[flag], { flag, min: 0 });
    const competitionId = block("competition");
    const options = {
      changes: repeated(rawArgs, "set").map((text) => parseChange(text, "set")),
      grid: repeated(rawArgs, "grid").map(parseGrid),
      file: args.competitions === undefined ? undefined : await loadCompetitions(args.competitions),
      excludedUids: repeated(rawArgs, "exclude-uid").map((text) =>
        integer(text, { flag: "exclude-uid", min: 0, max: 65_535 }),
      ),
      competitionId,
    };
    const format = args.csv ? "csv" : args.parquet ? "parquet" : undefined;
    if (args.output !== undefined && format === undefined)
      throw new OperatorError("--output is for tables.", "Add --csv or --parquet.");

    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const entries = format === undefined || args.verify ? undefined : writeEntries(format, args.output);
      const result = await rescore(
        store,
        {
          variants: changesNothing(options) || args.verify ? [] : variantsOf(options),
          selection: { competitionId, fromBlock: block("from"), toBlock: block("to") },
          signal: onInterrupt(),
        },
        entries?.add,
      );
      await entries?.end();
      if (args.json) printJson(result);
      else if (entries === undefined) {
        for (const line of [...verificationLines(result), ...gainLines(result)]) print(printable(line));
        if (!args.verify && result.count.rounds > 0) {
          const { header, rows } = earningsTable(result);
          print();
          printTable(header, rows);
        }
      }
      return result.differences.length === 0 ? exitCode.success : exitCode.failure;
    } finally {
      await store.close();
    }
  },
});
