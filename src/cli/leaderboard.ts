/** `finetune leaderboard`: where everybody stands after the last round. */
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

export default command({
  summary: "who stands where after the last round of each competition",
  examples: [
    { line: "leaderboard", explains: "every competition in the state file" },
    { line: "leaderboard --competition 4 --json", explains: "one of them, for scripts" },
  ],
  args: {
    ...settingArgs("db"),
    competition: { type: "string", valueHint: "ID", description: "only this competition" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { readLeaderboards } = await import("../store/leaderboard.ts");
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const id =
        args.competition === undefined ? undefined : integer(args.competition, { flag: "competition", min: 0 });
      const boards = await readLeaderboards(store, id);
      if (args.json) return printJson({ leaderboards: boards });
      if (boards.length === 0) return print("No round is finished yet.");
      for (const { competitionId, name, syncBlock, rows, refused } of boards) {
        print(`Competition ${competitionId}, ${name}, round of block ${syncBlock}`);
        printTable(
          ["rank", "uid", "model", "committed", "score", "won", "win rate", "round", "average", "subnet", "incentive"],
          rows.map((row) => [
            row.rank,
            row.uid,
            `${row.repo ?? "–"}@${row.revision?.slice(0, 8) ?? ""}`,
            row.modelBlock ?? "–",
            row.outcome === "scored"
              ? row.score.toFixed(5)
              : row.outcome === "duplicate"
                ? `same as ${row.duplicateOf}`
                : "failed",
            `${row.wins}/${row.matches}`,
            row.winRate.toFixed(4),
            row.roundWeight.toFixed(4),
            row.average.toFixed(4),
            row.subnetWeight.toFixed(4),
            row.incentive === null ? "–" : row.incentive.toFixed(4),
          ]),
        );
        if (refused.length > 0) {
          print("\nDid not contend");
          printTable(
            ["uid", "model", "reason", "detail"],
            refused.map((row) => [row.uid, row.repo ?? "–", row.reason ?? row.state, row.detail ?? ""]),
          );
        }
        print();
      }
    } finally {
      await store.close();
    }
  },
});
