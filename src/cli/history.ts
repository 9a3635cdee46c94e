/** `finetune history UID`: a uid's rounds, newest first. */
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

export default command({
  summary: "the rounds of a uid: models, scores, ranks, weights",
  examples: [
    { line: "history 7", explains: "the last 30 rounds of uid 7, newest first" },
    { line: "history 7 --limit 1000 --json", explains: "more of them, for scripts" },
  ],
  args: {
    ...settingArgs("db"),
    uid: { type: "positional", required: true, description: "the neuron's uid" },
    limit: { type: "string", valueHint: "N", description: "how many rounds [default 30]" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { readUidHistory } = await import("../store/leaderboard.ts");
    const uid = integer(args.uid, { flag: "uid", min: 0, max: 65_535 });
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const rows = await readUidHistory(store, uid, integer(args.limit ?? "30", { flag: "limit", min: 1 }));
      if (args.json) return printJson({ uid, rounds: rows });
      if (rows.length === 0) return print(`Uid ${uid} has not been looked at in any round.`);
      const shown = (value: number | null, digits = 4) => (value === null ? "–" : value.toFixed(digits));
      printTable(
        [
          "block",
          "competition",
          "hotkey",
          "model",
          "result",
          "rank",
          "score",
          "win rate",
          "round",
          "average",
          "subnet",
        ],
        rows.map((row) => [
          row.syncBlock,
          row.competitionId,
          row.hotkey.slice(0, 8),
          row.repo === null ? "–" : `${row.repo}@${row.revision?.slice(0, 8)}`,
          row.state === "contends" ? (row.outcome ?? "open") : (row.reason ?? row.state),
          row.rank ?? "–",
          shown(row.score, 5),
          shown(row.winRate),
          shown(row.roundWeight),
          shown(row.average),
          shown(row.subnetWeight),
        ]),
      );
    } finally {
      await store.close();
    }
  },
});
