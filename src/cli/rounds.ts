/** `finetune rounds`: the rounds of a state file, and how two validators' rounds differ. */
import { printable } from "../base/log.ts";
import { command, exitCode, group } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { decimal, integer } from "./values.ts";

const json = { type: "boolean", description: "print one JSON document" } as const;

const list = command({
  summary: "the rounds of a state file, newest last",
  examples: [{ line: "rounds list --competition 4", explains: "when each began, what became of it, what it asked" }],
  args: {
    ...settingArgs("db"),
    competition: { type: "string", valueHint: "ID", description: "only this competition" },
    json,
  },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { listRounds } = await import("../store/rounds.ts");
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const competitionId =
        args.competition === undefined
          ? {}
          : { competitionId: integer(args.competition, { flag: "competition", min: 0 }) };
      const rounds = await listRounds(store, competitionId);
      if (args.json) return printJson({ rounds });
      if (rounds.length === 0) return print("No round has begun yet.");
      printTable(
        ["block", "competition", "state", "result", "began", "took", "samples"],
        rounds.map((round) => [
          round.sync_block,
          round.competition_id,
          round.pruned_at === null ? round.state : `${round.state}, pruned`,
          round.verdict ?? round.reason ?? "",
          new Date(round.started_at).toISOString().slice(0, 19).replace("T", " "),
          round.finished_at === null ? "–" : `${((round.finished_at - round.started_at) / 1000).toFixed(1)} s`,
          round.sample_digest?.slice(0, 12) ?? "–",
        ]),
      );
    } finally {
      await store.close();
    }
  },
});

const diff = command({
  summary: "whether two validators saw the same data, and where their losses differ",
  examples: [
    { line: "rounds diff validator-0.sqlite validator-1.sqlite", explains: "exit code 1 when anything differs" },
    { line: "rounds diff A.sqlite B.sqlite --tolerance 1e-4", explains: "losses of two kinds of hardware" },
  ],
  args: {
    first: { type: "positional", required: true, description: "a state file" },
    second: { type: "positional", required: true, description: "another one" },
    tolerance: { type: "string", valueHint: "NATS", description: "losses this close count as equal [default 0]" },
    json,
  },
  async run(args) {
    const { openStore } = await import("../store/store.ts");
    const { compareStates } = await import("../rescore/compare-states.ts");
    const tolerance = decimal(args.tolerance ?? "0", { flag: "tolerance", min: 0 });
    const first = await openStore({ path: args.first, mode: "read" });
    const second = await openStore({ path: args.second, mode: "read" }).catch(async (error) => {
      await first.close();
      throw error;
    });
    try {
      const { rounds, onlyFirst, onlySecond } = await compareStates(first, second, tolerance);
      const differs = rounds.some(
        (round) => !round.sameSamples || !round.sameRules || round.notes.length > 0 || round.lossesDifferent > 0,
      );
      const code = differs || rounds.length === 0 ? exitCode.failure : exitCode.success;
      if (args.json) {
        printJson({ rounds, onlyFirst, onlySecond });
        return code;
      }
      printTable(
        ["block", "competition", "samples", "rules", "losses", "different", "greatest difference"],
        rounds.map((round) => [
          round.syncBlock,
          round.competitionId,
          round.sameSamples ? "same" : "differ",
          round.sameRules ? "same" : "differ",
          round.lossesCompared,
          round.lossesDifferent,
          round.lossDifferenceMax.toExponential(1),
        ]),
      );
      print();
      for (const { syncBlock, competitionId, notes } of rounds)
        for (const note of notes) print(printable(`Block ${syncBlock}, competition ${competitionId}: ${note}.`));
      for (const [name, blocks] of [
        [args.first, onlyFirst],
        [args.second, onlySecond],
      ] as const)
        if (blocks.length > 0)
          print(`Only ${name} has ${blocks.length} finished rounds more, first of block ${blocks[0]}.`);
      if (rounds.length === 0) print("The two have no finished round in common: there is nothing to compare.");
      else print(differs ? "The two differ." : `The two agree on all ${rounds.length} rounds that both have.`);
      return code;
    } finally {
      await first.close();
      await second.close();
    }
  },
});

export default group("The rounds of a state file.", {
  list: { summary: list.summary, load: async () => ({ default: list }) },
  diff: { summary: diff.summary, load: async () => ({ default: diff }) },
});
