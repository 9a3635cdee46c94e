/** What a training shows where there is no terminal, and the curve that a terminal shows. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { TrainingEvent } from "../miner/training-options.ts";
import { sparkline } from "./mine-progress.ts";

const events: readonly TrainingEvent[] = [
  { kind: "notice", text: "Going on after step 48." },
  ...[49, 50].map((step) => ({
    ...({ kind: "step", step, steps: 100, lossNatsMean: 2.5, gradientNorm: 1, learningRate: 1e-3 } as const),
    tokensPerSecond: 123.4,
    rows: 2,
    paddingPart: 0.25,
  })),
  { kind: "evaluated", step: 50, lossNatsMean: 2.25 },
  { kind: "checkpoint", step: 50 },
];

function shown(json: boolean) {
  const source = `const { trainingProgress } = await import(${JSON.stringify(join(import.meta.dir, "mine-progress.ts"))});
    const progress = trainingProgress({ json: ${json} });
    for (const event of ${JSON.stringify(events)}) progress.show(event);
    progress.end();`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", source], {
    // In tests the log is quiet.
    env: { ...process.env, NODE_ENV: "" },
  });
  return { out: stdout.toString(), err: stderr.toString() };
}

test("a line now and then, with the loss curve, tokens a second and the time left", () => {
  const { out, err } = shown(false);
  expect(out).toBe("");
  const steps = err.split("\n").filter((line) => line.includes("step 50 of 100"));
  expect(steps).toHaveLength(1);
  expect(steps[0]).toMatch(/▁▁ {2}loss 2\.5000, 123 tokens\/s, 0:\d\d left, 2 rows, 25% padding$/);
  expect(err).not.toContain("step 49 of");
  for (const said of ["Going on after step 48.", "after step 50: loss 2.2500 on held-out examples", "step 50 is saved"])
    expect(err).toContain(said);
});

test("as lines of JSON nothing is left out", () => {
  const { out, err } = shown(true);
  expect(err).toBe("");
  expect(
    out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([...events]);
});

test("the curve falls from the highest bar to the lowest, in as many characters as there is room for", () => {
  expect(sparkline([4, 3, 2, 1], 24)).toBe("█▆▃▁");
  const long = sparkline(
    Array.from({ length: 1000 }, (_, step) => 1000 - step),
    24,
  );
  expect(long).toHaveLength(24);
  expect([long[0], long.at(-1)]).toEqual(["█", "▁"]);
  expect(sparkline([2, 2], 24)).toBe("▁▁");
});
