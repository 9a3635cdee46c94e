import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkScenario } from "../../test/conformance/yuma.ts";
import { scenarios } from "../../test/conformance/yuma-scenarios.ts";
import { oracleEpoch } from "../../test/oracles/yuma.ts";
import { runEpoch } from "./epoch.ts";
import { defaultParameters, type EpochInput, stakeFromRao } from "./epoch-input.ts";
import { one, sumOf } from "./fixed.ts";
import type { Sparse, StoredRow } from "./sparse.ts";

describe("the runtime's own tests", () => {
  for (const scenario of scenarios)
    test(scenario.name, () => {
      expect(checkScenario(scenario).problems).toEqual([]);
    });
});

const u16 = fc.integer({ min: 0, max: 65_535 });
/** Rows that clients really set (few, dense, even) and rows that only an adversary would (zeros, any order). */
const storedRow = (size: number): fc.Arbitrary<StoredRow> =>
  fc.uniqueArray(fc.tuple(fc.nat(size), fc.oneof(u16, fc.constant(0), fc.constant(65_535))), {
    selector: ([uid]) => uid,
    maxLength: size,
  });
const blocks = fc.integer({ min: 0, max: 300 });
const neuron = fc.record({
  stake: fc.oneof(
    fc.constant(0n),
    fc.bigInt({ min: 0n, max: 2n ** 118n }),
    fc.nat(9).map((rao) => stakeFromRao(BigInt(rao))),
  ),
  lastUpdateBlock: blocks,
  registrationBlock: fc.integer({ min: 0, max: 120 }),
  validatorPermit: fc.boolean(),
  commitBlock: fc.option(blocks, { nil: undefined }),
});
const parameters = fc.record({
  kappa: fc.oneof(fc.constant(32_767), u16),
  bondsPenalty: fc.oneof(fc.constant(0), fc.constant(65_535), u16),
  bondsMovingAverage: fc.oneof(fc.constant(900_000), fc.integer({ min: 0, max: 1_000_000 })),
  validatorsMax: fc.integer({ min: 0, max: 12 }),
  activityCutoffBlocks: fc.constantFrom(50, 5000),
  stakeThresholdRao: fc.constantFrom(0n, 5n),
  yuma: fc.constantFrom(2 as const, 3 as const),
  liquidAlpha: fc.option(
    fc.record({
      low: u16,
      high: u16,
      steepness: fc.oneof(fc.constant(1000), fc.integer({ min: -32_768, max: 32_767 })),
    }),
    { nil: undefined },
  ),
  commitReveal: fc.boolean(),
});
const epochInput: fc.Arbitrary<EpochInput> = fc.integer({ min: 1, max: 9 }).chain((size) =>
  fc.record({
    block: fc.integer({ min: 100, max: 400 }),
    tempoBlocks: fc.nat(360),
    lastStepBlock: fc.constantFrom(0, 90),
    owner: fc.option(fc.nat(size), { nil: undefined }),
    emissionRao: fc.bigInt({ min: 0n, max: 2n ** 63n }),
    parameters,
    neurons: fc.array(neuron, { minLength: size, maxLength: size }),
    weights: fc.array(storedRow(size), { minLength: size, maxLength: size }),
    bonds: fc.array(storedRow(size), { minLength: size, maxLength: size }),
  }),
);

describe("any state", () => {
  test("gives what the obvious implementation gives, to the last unit", () => {
    fc.assert(
      fc.property(epochInput, (input) => {
        const { detail, emission } = runEpoch(input);
        const expected = oracleEpoch(input);
        expect(units(detail.consensus)).toEqual(expected.consensus as bigint[]);
        expect(units(detail.validatorTrust)).toEqual(expected.validatorTrust as bigint[]);
        expect(units(detail.incentive)).toEqual(expected.incentive as bigint[]);
        expect(entries(detail.bonds)).toEqual(expected.bonds as never);
        expect(units(detail.dividends)).toEqual(expected.dividends as bigint[]);
        expect(emission.totalRao).toEqual(expected.totalRao);
      }),
      { numRuns: 2000 },
    );
  }, 60_000);

  test("proportions sum to 1 or 0, up to truncation; nothing is emitted beyond the emission", () => {
    fc.assert(
      fc.property(epochInput, (input) => {
        const { detail, emission } = runEpoch(input);
        for (const vector of [detail.incentive, detail.dividends, detail.activeStake, detail.stake]) {
          const sum = sumOf(vector);
          expect(sum === 0 || (sum <= one && sum > one - 2 * vector.length)).toBe(true);
        }
        const total = (values: readonly bigint[]) => values.reduce((sum, value) => sum + value, 0n);
        expect(total(emission.totalRao) <= input.emissionRao).toBe(true);
        expect(total(emission.serverRao) + total(emission.validatorRao) <= input.emissionRao).toBe(true);
      }),
    );
  });

  test("without stake a neuron has no influence: its weights change nothing", () => {
    fc.assert(
      fc.property(epochInput, fc.nat(8), storedRow(9), (input, pick, row) => {
        const uid = pick % input.neurons.length;
        const neurons = input.neurons.map((one, index) => (index === uid ? { ...one, stake: 0n } : one));
        const silent = { ...input, neurons, bonds: input.bonds.map((bonds, index) => (index === uid ? [] : bonds)) };
        const other = { ...silent, weights: input.weights.map((weights, index) => (index === uid ? row : weights)) };
        const [a, b] = [runEpoch(silent), runEpoch(other)];
        expect(b.incentive).toEqual(a.incentive);
        expect(b.consensus).toEqual(a.consensus);
        if (input.parameters.yuma === 2 || input.parameters.liquidAlpha === undefined)
          expect(b.emission.serverRao).toEqual(a.emission.serverRao);
      }),
    );
  });

  test("renumbering the uids renumbers the result", () => {
    fc.assert(
      fc.property(epochInput, fc.array(fc.nat(), { minLength: 9, maxLength: 9 }), (input, keys) => {
        // Ties at the permit limit go by uid, and unordered rows are read upwards: neither is what this is about.
        const plain: EpochInput = {
          ...input,
          parameters: { ...input.parameters, validatorsMax: 64 },
          weights: input.weights.map(ascending),
          bonds: input.bonds.map(ascending),
        };
        const order = input.neurons.map((_, uid) => uid).sort((a, b) => keys[a]! - keys[b]!);
        const a = runEpoch(plain);
        const b = runEpoch(renumbered(plain, order));
        expect([...b.incentive]).toEqual(order.map((uid) => a.incentive[uid]!));
        expect([...b.dividends]).toEqual(order.map((uid) => a.dividends[uid]!));
        expect(b.emission.totalRao).toEqual(order.map((uid) => a.emission.totalRao[uid]!));
      }),
    );
  });
});

describe("what a subnet relies on", () => {
  const subnet = (weights: readonly StoredRow[], commitBlock?: number): EpochInput => ({
    block: 200,
    tempoBlocks: 100,
    lastStepBlock: 0,
    owner: undefined,
    emissionRao: 1_000_000n,
    parameters: { ...defaultParameters, commitReveal: true },
    neurons: [4, 4, 0, 0].map((stake, uid) => ({
      stake: stakeFromRao(BigInt(stake)),
      lastUpdateBlock: 150,
      registrationBlock: uid === 3 ? 120 : 0,
      validatorPermit: stake > 0,
      commitBlock: uid < 2 ? commitBlock : undefined,
    })),
    weights,
    bonds: [[], [], [], []],
  });
  const even: StoredRow = [
    [2, 65_535],
    [3, 65_535],
  ];

  test("weights whose commit is older than a miner's registration do not reach it", () => {
    expect(runEpoch(subnet([even, even, [], []])).incentive).toEqual(Uint16Array.of(0, 0, 32_767, 32_767));
    expect(runEpoch(subnet([even, even, [], []], 119)).incentive).toEqual(Uint16Array.of(0, 0, 65_535, 0));
    expect(runEpoch(subnet([even, even, [], []], 120)).incentive).toEqual(Uint16Array.of(0, 0, 32_767, 32_767));
  });

  test("exactly half of the stake is a majority, since kappa is just below one half", () => {
    const split = subnet([[[2, 65_535]], [[3, 65_535]], [], []]);
    expect([...runEpoch(split).consensus]).toEqual([0, 0, 65_535, 65_535]);
    const strict = { ...split, parameters: { ...split.parameters, kappa: 32_768 } };
    expect([...runEpoch(strict).consensus]).toEqual([0, 0, 0, 0]);
  });

  test("an impossible state is refused, not computed", () => {
    expect(() => runEpoch(subnet([[[2, 70_000]], [], [], []]))).toThrow("u16");
    expect(() =>
      runEpoch(
        subnet([
          [
            [2, 1],
            [2, 1],
          ],
          [],
          [],
          [],
        ]),
      ),
    ).toThrow("once");
    expect(() => runEpoch(subnet([[], []]))).toThrow("a row for each uid");
  });
});

function units(values: Float64Array): bigint[] {
  return Array.from(values, BigInt);
}

function entries(matrix: Sparse): (readonly [number, bigint])[][] {
  return Array.from({ length: matrix.size }, (_, row) =>
    Array.from({ length: matrix.start[row + 1]! - matrix.start[row]! }, (_, index) => {
      const at = matrix.start[row]! + index;
      return [matrix.column[at]!, BigInt(matrix.value[at]!)] as const;
    }),
  );
}

function ascending(row: StoredRow): StoredRow {
  return row.toSorted(([a], [b]) => a - b);
}

function renumbered(input: EpochInput, order: readonly number[]): EpochInput {
  const place = (uid: number) => (uid < order.length ? order.indexOf(uid) : uid);
  const rows = (stored: readonly StoredRow[]) =>
    order.map((uid) => ascending(stored[uid]!.map(([column, value]) => [place(column), value] as const)));
  return {
    ...input,
    owner: input.owner === undefined ? undefined : place(input.owner),
    neurons: order.map((uid) => input.neurons[uid]!),
    weights: rows(input.weights),
    bonds: rows(input.bonds),
  };
}
