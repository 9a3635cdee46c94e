import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { builtInCompetitions, builtInNames } from "./built-in.ts";
import { competitionFileSchema, parseCompetitionFile } from "./competition-file.ts";

type Tree = { [key: string]: Tree };

/** The demo's file with some values replaced (undefined: left out), by paths such as `schedule.0.fromBlock`. */
function demoWith(changes: Readonly<Record<string, unknown>>): string {
  const file = structuredClone(builtInCompetitions("demo")) as unknown as Tree;
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(".");
    const parent = keys.slice(0, -1).reduce((tree, key) => tree[key]!, file);
    parent[keys.at(-1)!] = value as Tree;
  }
  return JSON.stringify(file);
}

const period = builtInCompetitions("demo").schedule[0]!;
const half = { ...period.competitions[0]!, emissionShare: 0.5 };

interface Mistake {
  readonly name: string;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly path: string;
  readonly says: string;
}

const first = "schedule.0.competitions.0";
const mistakes: readonly Mistake[] = [
  {
    name: "an unknown key",
    changes: { [`${first}.epsilom`]: 1 },
    path: "schedule[0].competitions[0]",
    says: "epsilom",
  },
  { name: "a share lost", changes: { [`${first}.emissionShare`]: 0.5 }, path: "schedule[0].competitions", says: "0.5" },
  {
    name: "task weights that are not 1",
    changes: { [`${first}.tasks.0.weight`]: 0.9 },
    path: "schedule[0].competitions[0].tasks",
    says: "0.9 instead of 1",
  },
  {
    name: "periods that overlap",
    changes: {
      schedule: [
        { ...period, untilBlock: 101 },
        { ...period, fromBlock: 100 },
      ],
    },
    path: "schedule[0].untilBlock",
    says: "overlaps",
  },
  {
    name: "periods out of order",
    changes: { schedule: [period, period] },
    path: "schedule[0].fromBlock",
    says: "after",
  },
  { name: "an empty period", changes: { "schedule.0.untilBlock": 0 }, path: "schedule[0].untilBlock", says: "begins" },
  {
    name: "an id used twice",
    changes: { "schedule.0.competitions": [half, half] },
    path: "schedule[0].competitions[1].id",
    says: "twice",
  },
  {
    name: "an epsilon of 1",
    changes: { [`${first}.epsilon`]: { kind: "fixed", value: 1 } },
    path: "schedule[0].competitions[0].epsilon.value",
    says: "<1",
  },
  {
    name: "an unknown source",
    changes: { [`${first}.tasks.0.source.kind`]: "oracle" },
    path: "schedule[0].competitions[0].tasks[0].source.kind",
    says: "arithmetic",
  },
  {
    name: "a revision of no tokenizer",
    changes: { [`${first}.constraints.tokenizer`]: null, [`${first}.constraints.tokenizerRevision`]: "a".repeat(40) },
    path: "schedule[0].competitions[0].constraints.tokenizerRevision",
    says: "no tokenizer",
  },
  {
    name: "a branch for a revision",
    changes: { [`${first}.constraints.tokenizerRevision`]: "main" },
    path: "schedule[0].competitions[0].constraints.tokenizerRevision",
    says: "commit",
  },
  { name: "something missing", changes: { sync: undefined }, path: "sync", says: "expected object" },
  {
    name: "limits that no model meets",
    changes: { [`${first}.constraints.parametersMin`]: 6_000_000 },
    path: "schedule[0].competitions[0].constraints.parametersMin",
    says: "No model",
  },
];

describe("a competition file", () => {
  test("every built-in one is valid, and is what it says after a round trip", () => {
    for (const name of builtInNames) {
      const file = builtInCompetitions(name);
      expect(parseCompetitionFile(JSON.stringify(file))).toEqual({ kind: "competitions", file });
      expect(file.name).toBe(name);
    }
  });

  test("a change that is no mistake is accepted", () => {
    expect(parseCompetitionFile(demoWith({ "schedule.0.untilBlock": 100 })).kind).toBe("competitions");
  });

  for (const { name, changes, path, says } of mistakes) {
    test(`is refused for ${name}, with the path`, () => {
      const parsed = parseCompetitionFile(demoWith(changes));
      const problems = parsed.kind === "invalid" ? parsed.problems : [];
      expect(problems.map((problem) => problem.path)).toContain(path);
      expect(problems.find((problem) => problem.path === path)?.message).toContain(says);
    });
  }

  test("is refused when a key appears twice or when it is no JSON", () => {
    for (const text of ['{"name": "a", "name": "b"}', "<html>", "", "[1,", "\u0000"])
      expect(parseCompetitionFile(text)).toMatchObject({ kind: "invalid", problems: [{ path: "" }] });
  });

  test("whatever the text, the answer is a value", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(["competitions", "invalid"]).toContain(parseCompetitionFile(text).kind);
      }),
    );
  });

  test("has a JSON Schema that names every rule", () => {
    const schema = JSON.stringify(competitionFileSchema());
    for (const name of [
      "emissionShare",
      "evaluationDelayBlocks",
      "per-batch",
      "softmax",
      "arithmetic",
      "replacedHotkey",
    ])
      expect(schema).toContain(name);
  });
});
