/**
 * The chain's own consensus tests as tables: who holds what, who sets which weights before which epoch, and what the
 * runtime then stores. Emissions, bonds and u16 dividends are to the last unit; the fractions of the Yuma 3 tables have
 * the four digits that the runtime's tests give.
 */
import { defaultParameters, type EpochParameters } from "../../src/consensus/epoch-input.ts";
import type { StoredRow } from "../../src/consensus/sparse.ts";

export interface Epoch {
  readonly block: number;
  /** Weights set in this block, before the epoch: uid → row. */
  readonly set?: Readonly<Record<number, StoredRow>>;
  /** Uids that are replaced before the epoch; the newcomer has no stake and no permit. */
  readonly replaced?: { readonly uid: number; readonly block: number };
  readonly emission?: readonly number[];
  /** [validator, miner, u16] */
  readonly bonds?: readonly (readonly [number, number, number])[];
  readonly dividends?: readonly number[];
  /** Fractions, compared to 4 digits' worth. */
  readonly dividendShares?: readonly number[];
  /** Per validator, the bond fractions to the miners (the last uids). */
  readonly bondShares?: readonly (readonly number[])[];
}

export interface Scenario {
  readonly name: string;
  readonly stakesRao: readonly number[];
  readonly tempoBlocks: number;
  readonly parameters: EpochParameters;
  readonly epochs: readonly Epoch[];
}

const full = 65_535;
const graded: StoredRow = [
  [4, 16_383],
  [5, 32_767],
  [6, 49_149],
  [7, full],
];

const yuma2 = { ...defaultParameters, yuma: 2 } as const;

const relativeBonds: Scenario = {
  name: "Yuma 2: bonds of four validators that stop weighting one after the other",
  stakesRao: [1, 2, 3, 4, 0, 0, 0, 0],
  tempoBlocks: 1,
  parameters: { ...yuma2, validatorsMax: 8 },
  epochs: [
    {
      block: 1,
      set: { 0: graded, 1: graded, 2: graded, 3: graded },
      emission: [49999998, 99999999, 150000000, 200000001, 49998779, 100000610, 149996337, 200004272],
      bonds: column(4, [16383, 32767, 49151, 65535]),
    },
    {
      block: 2,
      set: { 0: [[0, full]] },
      emission: [44998351, 101110561, 151667215, 202223870, 49998779, 100000610, 149996337, 200004272],
      bonds: column(4, [14582, 32767, 49151, 65535]),
    },
    {
      block: 3,
      set: { 1: [[1, full]] },
      emission: [40496805, 90999783, 157929636, 210573773, 49998779, 100000610, 149996337, 200004272],
      bonds: column(4, [12603, 28321, 49151, 65535]),
    },
    {
      block: 4,
      set: { 2: [[2, full]] },
      // 40 % of stake is no majority: nobody earns, so stake does.
      emission: [99999999, 199999999, 299999999, 399999999, 0, 0, 0, 0],
      bonds: column(7, [12602, 28320, 49150, 65535]),
      dividends: [0, 0, 0, 0, 0, 0, 0, 0],
    },
    {
      block: 5,
      set: { 2: [[7, full]] },
      emission: [36443733, 81898628, 163565493, 218092144, 0, 0, 0, 500000000],
      bonds: column(7, [10951, 24609, 49150, 65535]),
    },
    {
      block: 6,
      emission: [32799427, 73706612, 168638129, 224855830, 0, 0, 0, 500000000],
      bonds: column(7, [9559, 21482, 49150, 65535]),
    },
    {
      block: 7,
      emission: [29518068, 66336137, 173203134, 230942659, 0, 0, 0, 500000000],
      bonds: column(7, [8376, 18824, 49150, 65535]),
    },
    { block: 8, emission: [26565175, 59701871, 177311856, 236421095, 0, 0, 0, 500000000] },
  ],
};

const halves: StoredRow = [
  [2, full],
  [3, full],
];

const activeStake: Scenario = {
  name: "Yuma 2: stake that has not set weights for 5000 blocks does not count",
  stakesRao: [1, 1, 1, 1],
  tempoBlocks: 1,
  parameters: { ...yuma2, validatorsMax: 4 },
  epochs: [
    {
      block: 1,
      set: { 0: halves, 1: halves },
      dividends: [32767, 32767, 0, 0],
      emission: [250000000, 250000000, 250000000, 250000000],
      bonds: [...column(2, [65535, 65535]), ...column(3, [65535, 65535])],
    },
    {
      block: 5002,
      set: { 0: halves },
      dividends: [36044, 29490, 0, 0],
      emission: [274999999, 224999999, 250000000, 250000000],
      bonds: [...column(2, [65535, 53619]), ...column(3, [65535, 53619])],
    },
    {
      block: 5003,
      set: { 1: halves },
      dividends: [35716, 29818, 0, 0],
      emission: [272501132, 227498866, 250000000, 250000000],
      bonds: [...column(2, [65535, 54712]), ...column(3, [65535, 54712])],
    },
  ],
};

const thirds: StoredRow = [
  [2, full],
  [3, 32_768],
];

const outdatedWeights: Scenario = {
  name: "Yuma 2: weights set before a miner registered do not reach it",
  stakesRao: [1, 1, 1, 1],
  tempoBlocks: 0,
  parameters: { ...yuma2, validatorsMax: 4 },
  epochs: [
    {
      block: 1,
      set: { 0: thirds, 1: thirds, 2: [[2, full]], 3: [[3, full]] },
      emission: [250000000, 250000000, 333331637, 166668361],
    },
    {
      block: 2,
      replaced: { uid: 3, block: 1 },
      set: { 0: thirds },
      dividends: [32767, 32767, 0, 0],
      emission: [250000000, 250000000, 500000000, 0],
      bonds: [
        [0, 2, 65535],
        [0, 3, 65535],
      ],
    },
  ],
};

/** Liquid alpha between .1 and .3 as u16, truncated. */
const yuma3 = {
  ...defaultParameters,
  bondsPenalty: 0,
  bondsMovingAverage: 975_000,
  validatorsMax: 3,
  liquidAlpha: { low: 6553, high: 19_660, steepness: 1000 },
} as const;

const [toFirst, toSecond] = [row(full, 0), row(0, full)];

const scenariosOfThree: readonly Scenario[] = [
  yuma3Scenario("the big validator moves first", [8, 1, 1, 0, 0], {
    weights: [
      [toFirst, toFirst, toFirst],
      [toSecond, toFirst, toFirst],
      [toSecond, toSecond, toFirst],
      toAll(toSecond),
    ],
    dividends: [
      [0.8, 0.1, 0.1],
      [1, 0, 0],
      [0.9382, 0.0618, 0],
      [0.8819, 0.0773, 0.0407],
      [0.8564, 0.0844, 0.0592],
      [0.8418, 0.0884, 0.0697],
    ],
    bonds: [
      [
        [0.1013, 0],
        [0.1013, 0],
        [0.1013, 0],
      ],
      [
        [0.0908, 0.1013],
        [0.3697, 0],
        [0.3697, 0],
      ],
      [
        [0.0815, 0.1924],
        [0.317, 0.1013],
        [0.558, 0],
      ],
      [
        [0.0731, 0.2742],
        [0.2765, 0.1924],
        [0.4306, 0.1013],
      ],
      [
        [0.0656, 0.3478],
        [0.2435, 0.2742],
        [0.3589, 0.1924],
      ],
      [
        [0.0588, 0.4139],
        [0.2157, 0.3478],
        [0.3089, 0.2742],
      ],
    ],
  }),
  yuma3Scenario("the big validator moves second", [8, 1, 1, 0, 0], {
    weights: [toAll(toFirst), [toFirst, toSecond, toFirst], [toSecond, toSecond, toFirst], toAll(toSecond)],
    dividends: [
      [0.8, 0.1, 0.1],
      [0.8446, 0.0498, 0.1056],
      [0.6868, 0.3132, 0],
      [0.7421, 0.209, 0.0489],
      [0.7625, 0.1706, 0.0669],
      [0.773, 0.1508, 0.0762],
    ],
    bonds: [],
  }),
  yuma3Scenario("the big validator moves last", [8, 1, 1, 0, 0], {
    weights: [toAll(toFirst), [toFirst, toSecond, toFirst], [toFirst, toSecond, toSecond], toAll(toSecond)],
    dividends: [
      [0.8, 0.1, 0.1],
      [0.8446, 0.0498, 0.1056],
      [0.8966, 0.0333, 0.0701],
      [0.4663, 0.321, 0.2127],
      [0.5976, 0.234, 0.1683],
      [0.6592, 0.1932, 0.1475],
    ],
    bonds: [],
  }),
  yuma3Scenario("a validator that strays for one epoch", [33, 33, 34, 0, 0], {
    weights: [toAll(toFirst), toAll(toFirst), [toFirst, toFirst, toSecond], toAll(toFirst)],
    dividends: [
      [0.33, 0.33, 0.34],
      [0.33, 0.33, 0.34],
      [0.3782, 0.3782, 0.2436],
      [0.3628, 0.3628, 0.2745],
      [0.3541, 0.3541, 0.2917],
      [0.3487, 0.3487, 0.3026],
    ],
    bonds: [],
  }),
  yuma3Scenario(
    "the same with a fixed alpha",
    [33, 33, 34, 0, 0],
    {
      weights: [toAll(toFirst), toAll(toFirst), [toFirst, toFirst, toSecond], toAll(toFirst)],
      dividends: [
        [0.33, 0.33, 0.34],
        [0.33, 0.33, 0.34],
        [0.3734, 0.3734, 0.2532],
        [0.3611, 0.3611, 0.2779],
        [0.3541, 0.3541, 0.2919],
        [0.3495, 0.3495, 0.3009],
      ],
      bonds: [
        [
          [0.025, 0],
          [0.025, 0],
          [0.025, 0],
        ],
        [
          [0.0494, 0],
          [0.0494, 0],
          [0.0494, 0],
        ],
        [
          [0.0731, 0],
          [0.0731, 0],
          [0.0481, 0.025],
        ],
        [
          [0.0963, 0],
          [0.0963, 0],
          [0.0719, 0.0244],
        ],
        [
          [0.1189, 0],
          [0.1189, 0],
          [0.0951, 0.0238],
        ],
        [
          [0.1409, 0],
          [0.1409, 0],
          [0.1178, 0.0232],
        ],
      ],
    },
    { ...yuma3, liquidAlpha: undefined },
  ),
];

/** Every scenario of the chain's tests that we hold ourselves to. */
export const scenarios: readonly Scenario[] = [relativeBonds, activeStake, outdatedWeights, ...scenariosOfThree];

function yuma3Scenario(
  name: string,
  stakesRao: readonly number[],
  table: {
    readonly weights: readonly (readonly StoredRow[])[];
    readonly dividends: readonly (readonly number[])[];
    readonly bonds: readonly (readonly (readonly number[])[])[];
  },
  parameters: EpochParameters = yuma3,
): Scenario {
  const epochs = table.dividends.map((dividendShares, index): Epoch => {
    const set = table.weights[index];
    const bondShares = table.bonds[index];
    return {
      block: index + 2,
      ...(set === undefined ? {} : { set: Object.fromEntries(set.entries()) }),
      ...(bondShares === undefined ? {} : { bondShares }),
      dividendShares: [...dividendShares, 0, 0],
    };
  });
  return { name: `Yuma 3: ${name}`, stakesRao, tempoBlocks: 1, parameters, epochs };
}

function row(first: number, second: number): StoredRow {
  return [
    [3, first],
    [4, second],
  ];
}

function toAll(weights: StoredRow): readonly StoredRow[] {
  return [weights, weights, weights];
}

function column(miner: number, values: readonly number[]): (readonly [number, number, number])[] {
  return values.map((value, validator) => [validator, miner, value] as const);
}
