import { describe, expect, test } from "bun:test";
import { builtInCompetitions, builtInNames } from "../built-in.ts";
import { simulateAttacks } from "./simulate.ts";

const rounds = 200;
/** The smallest weight that the chain knows; a softmax never gives exactly nothing. */
const leastWeight = 1 / 65_535;

describe.each([...builtInNames])("the attacks under the rules of %s", (name) => {
  const file = builtInCompetitions(name);
  const competition = file.schedule.at(-1)!.competitions[0]!;
  const { cadenceBlocks } = file.sync;
  const attacks = simulateAttacks({ competition, cadenceBlocks, rounds, batches: 16, seed: "1" });
  const named = (attack: string) => attacks.find((each) => each.name === attack)!;

  test("no copier earns anything under the repaired rules", () => {
    const copiers = [
      "copied commitment",
      "copied model",
      "copy with noise",
      "several hotkeys",
      "re-commits each block",
    ];
    for (const attack of [...copiers, "alternates models", "takes the best's uid", "broken model"])
      expect([attack, named(attack).repaired.attackers! < leastWeight]).toEqual([attack, true]);
  });

  test("the truly best model has the weight in at least 99 % of the rounds", () => {
    for (const { name: attack, repaired } of attacks)
      if (repaired.bestHolds !== null) expect([attack, repaired.bestHolds >= 0.99]).toEqual([attack, true]);
  });

  test("the published rules pay for what the repaired ones stop", () => {
    expect(named("copied commitment").published.attackers).toBeCloseTo(0.5, 2);
    expect(named("several hotkeys").published.attackers).toBeCloseTo(0.75, 2);
    expect(named("takes the best's uid").published.attackers).toBeGreaterThan(0);
  });

  test("sealed weights cost the copying validator trust", () => {
    const { published, repaired } = named("copies weights");
    expect(repaired.attackers!).toBeLessThan(published.attackers!);
    expect(published.attackers!).toBeLessThan(1);
  });
});

test("the same seed gives the same numbers, another seed other ones", () => {
  const file = builtInCompetitions("demo");
  const competition = file.schedule[0]!.competitions[0]!;
  const play = (seed: string) =>
    simulateAttacks({ competition, cadenceBlocks: file.sync.cadenceBlocks, rounds: 20, batches: 8, seed });
  expect(play("1")).toEqual(play("1"));
  expect(play("1")).not.toEqual(play("2"));
});
