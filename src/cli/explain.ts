/** `finetune explain UID`: from a weight back to the losses that it came from. */
import { FailureError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

export default command({
  summary: "why a uid has its weight: rivals, batches, epsilon, and what loss would have won",
  examples: [
    { line: "explain 7", explains: "its last round, in words" },
    { line: "explain 7 --confidence", explains: "with the probability that it really beats each rival" },
    { line: "explain 7 --block 5499851 --json", explains: "one round, every batch, for scripts" },
  ],
  args: {
    ...settingArgs("db"),
    uid: { type: "positional", required: true, description: "the neuron's uid" },
    block: { type: "string", valueHint: "BLOCK", description: "the round's sync block [default its last round]" },
    competition: { type: "string", valueHint: "ID", description: "only this competition" },
    confidence: { type: "boolean", description: "bootstrap over the batches" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { explain } = await import("../rescore/explain.ts");
    const { explainWords, rivalTable } = await import("../rescore/explain-words.ts");
    const uid = integer(args.uid, { flag: "uid", min: 0, max: 65_535 });
    const number = (flag: "block" | "competition") =>
      args[flag] === undefined ? undefined : integer(args[flag], { flag, min: 0 });
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const explanation = await explain(store, {
        uid,
        block: number("block"),
        competitionId: number("competition"),
        withConfidence: args.confidence ?? false,
      });
      if (explanation === undefined)
        throw new FailureError(
          `Uid ${uid} was not looked at in any such round.`,
          `\`finetune history ${uid}\` lists its rounds.`,
        );
      if (args.json) return printJson(explanation);
      for (const line of explainWords(explanation)) print(printable(line));
      if (explanation.rivals.length === 0) return;
      const { header, rows } = rivalTable(explanation);
      print();
      printTable(header, rows);
    } finally {
      await store.close();
    }
  },
});
