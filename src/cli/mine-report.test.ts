/** Every report of a check says in words what has no number, and decides accordingly. */
import { describe, expect, test } from "bun:test";
import { builtInCompetitions } from "../competition/built-in.ts";
import { type CheckReport, type Committed, checkModel, reportWithout } from "../miner/check.ts";
import type { Measured, Problem } from "../miner/measurement.ts";
import { describeReport } from "./mine-report.ts";

const competition = builtInCompetitions("demo").schedule[0]!.competitions[0]!;
const task = competition.tasks[0]!.name;

const measured = (loss: number): Measured => ({
  kind: "measured",
  score: loss,
  perTask: { [task]: { kind: "losses", losses: [loss, loss] } },
});
const problem = (kind: Problem["kind"]): Problem => ({ kind, reason: "child-crashed", detail: "It ended." });
const committed = (name: string): Committed => ({ name, folder: name, repositoryBytes: 1, block: 5 });

interface Models {
  readonly own: Measured | Problem;
  readonly rival?: Measured | Problem;
  readonly replaced?: Measured | Problem;
}

function check({ own, rival, replaced }: Models): Promise<CheckReport> {
  const results: Readonly<Record<string, Measured | Problem | undefined>> = { own, rival, replaced };
  return checkModel({
    competition,
    texts: new Map([[task, []]]),
    block: 10,
    seed: 1n,
    model: { name: "own", folder: "own", repositoryBytes: 1 },
    rivals: rival === undefined ? [] : [committed("rival")],
    replaced: replaced === undefined ? null : committed("replaced"),
    measure: async ({ name }) => results[name]!,
  });
}

describe("a report", () => {
  test.each([
    [
      "of a clear winner",
      { own: measured(1), rival: measured(2), replaced: measured(3) },
      "publish",
      /it is below that/,
    ],
    ["of a loser", { own: measured(2), rival: measured(1) }, "not-yet", /must fall by 50\.25 %, waiting does not help/],
    ["of a model that is refused", { own: problem("invalid") }, "not-yet", /^Validators refuse it: child-crashed\. It/],
    [
      "of one that this machine cannot measure",
      { own: problem("failed") },
      "not-yet",
      /^It could not be measured here/,
    ],
    ["of a rival that nobody can measure", { own: measured(1), rival: problem("invalid") }, "publish", /is no rival/],
    [
      "of a rival that may be better",
      { own: measured(1), rival: problem("failed") },
      "not-yet",
      /not be measured here/,
    ],
    [
      "of a worthless one to replace",
      { own: measured(1), replaced: problem("invalid") },
      "publish",
      /cannot measure it/,
    ],
    ["of one to replace that may be better", { own: measured(1), replaced: problem("failed") }, "not-yet", /not known/],
    ["of a worse one to replace", { own: measured(1), replaced: measured(2) }, "publish", /is better 100\.00 %/],
  ] as const)("%s", async (_, models, verdict, said) => {
    const report = await check(models);
    expect(report.verdict).toBe(verdict);
    const words = describeReport(report);
    expect(words).toMatch(said);
    expect(words).toEndWith(verdict === "publish" ? "\npublish" : "\nnot yet");
    expect(words).not.toMatch(/NaN|null|undefined|Infinity/);
    expect(JSON.stringify(report)).not.toMatch(/"(score|probability|epsilon|threshold|improvementNeeded)":null/);
  });

  test("of a repository that was only looked at", () => {
    expect(describeReport(reportWithout({ kind: "invalid", reason: "constraints", detail: "too large" }, 7))).toBe(
      "Validators refuse it: constraints. too large\nnot yet",
    );
  });
});
