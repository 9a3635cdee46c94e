/** random.json: Python's generator, every kind of draw. */
import { Random } from "../../../src/base/random.ts";
import type { Tally, Vector } from "./tally.ts";

const range = (start: number, stop: number) => Array.from({ length: stop - start }, (_, index) => start + index);

/** How each exact field of a case is drawn, from a fresh generator, `count` times. */
const exact: Readonly<Record<string, (random: Random) => unknown>> = {
  random: (random) => random.random(),
  getrandbits32: (random) => Number(random.bits(32)),
  randint_0_99: (random) => random.integer(0, 99),
  randint_1_1e12: (random) => random.integer(1, 1e12),
  randrange_3_1000_7: (random) => random.inRange(3, 1000, 7),
  randrange_1000_3_neg7: (random) => random.inRange(1000, 3, -7),
  choice_range10: (random) => random.choice(range(0, 10)),
  choices_range10_k4: (random) => random.choices(range(0, 10), 4),
  choices_weights_1_2_3_4_k4: (random) => random.choices(range(0, 4), 4, [1, 2, 3, 4]),
  sample_range100_10: (random) => random.sample(range(0, 100), 10),
  sample_range10_10: (random) => random.sample(range(0, 10), 10),
  sample_range1e6_50: (random) => random.sample(range(0, 1_000_000), 50),
  shuffle_range20: (random) => {
    const items = range(0, 20);
    random.shuffle(items);
    return items;
  },
  uniform_2_5: (random) => random.uniform(2, 5),
  triangular_0_1: (random) => random.triangular(0, 1),
  triangular_2_8_3: (random) => random.triangular(2, 8, 3),
};

/** Draws that go through log, sine or cosine, whose last digit depends on the mathematical library. */
const nearly: Readonly<Record<string, (random: Random) => number>> = {
  gauss_0_1: (random) => random.gauss(0, 1),
  normalvariate_0_1: (random) => random.normal(0, 1),
  "expovariate_1.5": (random) => random.exponential(1.5),
};

export function checkRandom(tally: Tally): void {
  const { cases, string_seeds: texts } = tally.read("random.json");
  for (const [index, vector] of cases.entries()) {
    const where = `random.json cases[${index}]`;
    const fresh = () => new Random(BigInt(vector.seed));
    for (const [field, draw] of Object.entries(exact)) {
      const random = fresh();
      tally.equal(
        `${where}.${field}`,
        vector[field].map(() => draw(random)),
        vector[field],
      );
    }
    for (const [field, draw] of Object.entries(nearly)) {
      const random = fresh();
      for (const expected of vector[field]) tally.near(`${where}.${field}`, draw(random), expected);
    }
    checkSequences(tally, where, vector, fresh);
    for (const field of Object.keys(vector))
      if (!(field in exact || field in nearly || sequences.has(field))) tally.equal(`${where}.${field}`, "unknown", "");
  }
  for (const [index, { seed, random, randint_0_99 }] of texts.entries()) {
    const where = `random.json string_seeds[${index}]`;
    const generator = new Random(seed);
    tally.equal(
      `${where}.random`,
      random.map(() => generator.random()),
      random,
    );
    tally.equal(
      `${where}.randint`,
      randint_0_99.map(() => generator.integer(0, 99)),
      randint_0_99,
    );
  }
}

const sequences = new Set(["seed", "getrandbits", "sample_sizes", "getrandbits32_after_2000", "mixed"]);

function checkSequences(tally: Tally, where: string, vector: Vector, fresh: () => Random): void {
  const bits = fresh();
  const drawn = vector.getrandbits.map(([count]: [number]) => [count, bits.bits(count).toString()]);
  tally.equal(`${where}.getrandbits`, drawn, vector.getrandbits);
  const samples = fresh();
  const sampled = vector.sample_sizes.map(([n, k]: [number, number]) => [n, k, samples.sample(range(0, n), k)]);
  tally.equal(`${where}.sample_sizes`, sampled, vector.sample_sizes);
  const later = fresh();
  for (let count = 0; count < 2000; count++) later.bits(32);
  const words = vector.getrandbits32_after_2000;
  tally.equal(
    `${where}.after_2000`,
    words.map(() => Number(later.bits(32))),
    words,
  );
  const random = fresh();
  const mixed = [
    random.integer(0, 99),
    random.choice(range(0, 4)),
    random.random(),
    random.choice([true, false]),
    random.sample(range(0, 30), 4),
    random.integer(0, 0),
    Number(random.bits(1)),
    random.random(),
  ];
  tally.equal(`${where}.mixed`, mixed, vector.mixed);
}
