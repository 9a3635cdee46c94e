import { describe, expect, test } from "bun:test";
import { runEpoch } from "./epoch.ts";
import { readEpochFile } from "./epoch-file.ts";
import type { EpochInput } from "./epoch-input.ts";

const two = { stake: [5, 0], weights: [[0, 3], []] };

function read(value: unknown): EpochInput {
  const input = readEpochFile(value);
  if ("problem" in input) throw new Error(input.problem);
  return input;
}

describe("a consensus file", () => {
  test("needs stakes and weights only; whoever has stake may speak", () => {
    const input = read(two);
    expect(input.neurons.map(({ validatorPermit }) => validatorPermit)).toEqual([true, false]);
    expect(input.neurons[0]!.stake).toBe(5_000_000_000n << 64n);
    expect([...runEpoch(input).incentive]).toEqual([0, 65_535]);
  });

  test("dense and sparse rows of any scale are the same weights", () => {
    const size = [1, 1, 1];
    const dense = read({ stake: size, weights: [[0, 0.1, 0.3], [], []] });
    const sparse = read({
      stake: size,
      weights: [
        [
          [1, 7],
          [2, 21],
        ],
        [],
        [],
      ],
    });
    expect(sparse.weights).toEqual(dense.weights);
    expect(dense.weights[0]).toEqual([
      [1, 21_845],
      [2, 65_535],
    ]);
  });

  test.each([
    [{ weights: [] }, "stake"],
    [{ ...two, wieghts: [] }, "wieghts"],
    [{ ...two, weights: [[0, 3]] }, "weights has 1 entries for the 2 uids"],
    [{ ...two, weights: [[1], []] }, "weights.0 has 1 entries for 2 uids"],
    [{ ...two, weights: [[[2, 1]], []] }, "weights.0 names a uid beyond 1"],
    [
      {
        ...two,
        weights: [
          [
            [1, 1],
            [1, 2],
          ],
          [],
        ],
      },
      "weights.0 names a uid twice",
    ],
    [{ ...two, weights: [[0, -1], []] }, "weights.0"],
    [{ ...two, bonds: [[[1, 0.5]], []] }, "bonds.0 holds a bond that is not a u16"],
    [{ ...two, owner: 2 }, "owner is 2"],
    [{ ...two, parameters: { yuma: 4 } }, "parameters.yuma"],
    [{ ...two, parameters: { liquidAlpha: { low: 1, high: 2 } } }, "parameters.liquidAlpha.steepness"],
    ["a text", "the file"],
  ])("%j is refused with its place", (value, place) => {
    const input = readEpochFile(value);
    expect("problem" in input ? input.problem : "accepted").toContain(place);
  });
});
