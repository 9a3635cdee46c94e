/** `finetune weights history`: every submission of this validator, from its state file. */
import type { Row, SubmissionState } from "../store/schema.ts";
import { openStore } from "../store/store.ts";
import { findSubmissions, readSubmissionWeights } from "../store/submissions.ts";
import { jsonArg, jsonOf } from "./chain-access.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

const states: Readonly<Record<SubmissionState, string>> = {
  prepared: "not sent yet",
  sent: "fate unknown",
  included: "accepted",
  revealed: "revealed",
  refused: "refused",
  lost: "lost",
};

export default command({
  summary: "what this validator has submitted, and the answers",
  examples: [
    { line: "weights history --db state.sqlite", explains: "the last 20 submissions" },
    { line: "weights history --last 1 --json", explains: "the last one with its weights" },
  ],
  args: {
    ...settingArgs("db"),
    last: { type: "string", valueHint: "N", description: "how many at most [default 20]" },
    json: jsonArg,
  },
  run: async (args) => {
    const count = integer(args.last ?? "20", { flag: "last", min: 1, max: 100_000 });
    const store = await openStore({ path: settingOf("db", args), mode: "read" });
    try {
      const found = await Promise.all(
        (Object.keys(states) as SubmissionState[]).map((state) => findSubmissions(store, state)),
      );
      const rows = found
        .flat()
        .sort((a, b) => a.id - b.id)
        .slice(-count);
      const submissions = await Promise.all(
        rows.map(async (row) => ({ ...describe(row), weights: await readSubmissionWeights(store, row.id) })),
      );
      if (args.json) printJson(jsonOf(submissions));
      else if (submissions.length === 0) print("No weights have been submitted yet.");
      else
        printTable(
          ["id", "time", "block", "way", "outcome", "weights", "answer"],
          submissions.map(({ id, at, block, mode, state, weights, answer }) => [
            id,
            at,
            block,
            mode,
            states[state],
            weights.map(({ uid, weight }) => `${uid}:${weight.toFixed(3)}`).join(" "),
            sentenceOf(answer),
          ]),
        );
    } finally {
      await store.close();
    }
  },
});

function describe({ id, created_at, block, mode, state, hotkey, round_id, reveal_round, answer }: Row<"submissions">) {
  return {
    id,
    at: new Date(created_at).toISOString(),
    block,
    mode,
    state,
    hotkey,
    roundId: round_id,
    revealRound: reveal_round,
    // Our own JSON, written when the chain answered.
    answer: answer === null ? null : (JSON.parse(answer) as unknown),
  };
}

function sentenceOf(answer: unknown): string {
  const { kind, block, error, sentence } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === "finalised") return `in block ${block}`;
  return [error, sentence].filter((part) => typeof part === "string").join(": ");
}
