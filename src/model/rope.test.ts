import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../base/json.ts";
import { ConfigReader, ModelProblem } from "./config.ts";
import { type RopeSource, readLayeredRopes, readRope, rotaryTables } from "./rope.ts";

const source: RopeSource = { headSize: 8, theta: 10_000, contextTokens: 64 };
const read = (config: JsonObject, more: Partial<RopeSource> = {}) => {
  const reader = new ConfigReader("LlamaForCausalLM", config);
  const rope = readRope(reader, { ...source, ...more });
  reader.finish();
  return rope;
};
const inverseOf = (config: JsonObject, length = 10, more: Partial<RopeSource> = {}) => [
  ...read(config, more).frequencies(length).inverse,
];
const expectClose = (got: readonly number[], wanted: readonly number[]) => {
  expect(got.length).toBe(wanted.length);
  for (const [pair, value] of got.entries()) expect(value / wanted[pair]!).toBeCloseTo(1, 6);
};
/** θ^(−2i/8) for θ = 10,000. */
const plain = [1, 0.1, 0.01, 0.001];

describe("frequencies", () => {
  test("by default", () => expectClose(inverseOf({}), plain));
  test("of another theta, from either place, the inner one first", () => {
    expectClose(inverseOf({ rope_theta: 1e8 }), [1, 0.01, 1e-4, 1e-6]);
    expectClose(inverseOf({ rope_theta: 5, rope_parameters: { rope_theta: 1e8 } }), [1, 0.01, 1e-4, 1e-6]);
  });
  test("linear: divided by the factor, in both spellings of the object and of its type", () => {
    const half = plain.map((frequency) => frequency / 2);
    expectClose(inverseOf({ rope_scaling: { type: "linear", factor: 2 } }), half);
    expectClose(inverseOf({ rope_parameters: { rope_type: "linear", factor: 2 } }), half);
    expectClose(inverseOf({ rope_scaling: { rope_type: "linear", type: "yarn", factor: 2 } }), half);
  });
  test("dynamic: as they are up to the context, then theta grows with the length", () => {
    const config = { rope_scaling: { type: "dynamic", factor: 2 } };
    expectClose(inverseOf(config, 64), plain);
    // (2 · 96/64 − 1)^(8/6) · 10,000
    const theta = 2 ** (8 / 6) * 10_000;
    expectClose(
      inverseOf(config, 96),
      [0, 1, 2, 3].map((pair) => theta ** (-pair / 4)),
    );
  });
  test("llama3: short waves stay, long ones are stretched, those between are mixed", () => {
    const config = {
      rope_scaling: {
        rope_type: "llama3",
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 128,
      },
    };
    const smooth = (128 / ((2 * Math.PI) / 0.1) - 1) / 3;
    expectClose(inverseOf(config), [1, (1 - smooth) * (0.1 / 8) + smooth * 0.1, 0.01 / 8, 0.001 / 8]);
  });
  test("longrope: short factors up to the original length, long ones beyond", () => {
    const rope_scaling = { type: "longrope", short_factor: [1, 1, 2, 2], long_factor: [1, 2, 4, 8] };
    const more = { originalTokens: 32 };
    expectClose(inverseOf({ rope_scaling }, 32, more), [1, 0.1, 0.005, 0.0005]);
    expectClose(inverseOf({ rope_scaling }, 33, more), [1, 0.05, 0.0025, 0.000125]);
    expect(read({ rope_scaling }, more).frequencies(1).scale).toBeCloseTo(Math.sqrt(1 + Math.log(2) / Math.log(32)));
  });
  test("yarn: the cosine's scale follows the factor", () => {
    const rope_scaling = { rope_type: "yarn", factor: 4 };
    expect(read({ rope_scaling }).frequencies(1).scale).toBeCloseTo(0.1 * Math.log(4) + 1);
  });
  test("partial: a share of the head, from either place", () => {
    expect(read({ partial_rotary_factor: 0.5 }, { partial: 1 }).rotated).toBe(4);
    expect(read({ rope_parameters: { partial_rotary_factor: 0.25 } }, { partial: 1 }).rotated).toBe(2);
  });
});

test.each<[string, JsonObject, readonly number[]]>([
  [
    "linear",
    { rope_type: "linear", rope_theta: 1000, factor: 1.7 },
    [0.588235259, 0.248056769, 0.104604669, 0.0441114195, 0.0186016336, 0.00784424413, 0.00330789015, 0.00139492576],
  ],
  [
    "dynamic",
    { rope_type: "dynamic", rope_theta: 1000, factor: 1.7 },
    [1, 0.383149236, 0.146803319, 0.0562475845, 0.021551216, 0.00825733226, 0.00316379033, 0.00121220376],
  ],
  [
    "yarn",
    { rope_type: "yarn", rope_theta: 12_345, factor: 2, original_max_position_embeddings: 32 },
    [1, 0.231006861, 0.0474348143, 0.0146103576, 0.00450012367, 0.00138607924, 0.000426925079, 0.000131496839],
  ],
  [
    "longrope",
    {
      rope_type: "longrope",
      rope_theta: 12_345,
      original_max_position_embeddings: 4096,
      short_factor: [1, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35],
      long_factor: [1, 1, 1, 1, 1, 1, 1, 1],
    },
    [1, 0.293342054, 0.0862451196, 0.0254093185, 0.00750020612, 0.00221772678, 0.000656807848, 0.00019481011],
  ],
  [
    "llama3",
    {
      rope_type: "llama3",
      rope_theta: 1000,
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 3,
      original_max_position_embeddings: 64,
    },
    [1, 0.0853505656, 0.00395284733, 0.000702926656],
  ],
])("%s: to the last bit of single precision as transformers computes them", (_type, rope_parameters, wanted) => {
  const got = inverseOf({ rope_parameters }, 200, { headSize: 2 * wanted.length, contextTokens: 128 });
  expect(got).toEqual([...Float32Array.from(wanted)]);
});

test.each<[string, JsonObject]>([
  ['config.json: rope_scaling.type "su" is not supported by LlamaForCausalLM', { rope_scaling: { type: "su" } }],
  [
    "config.json: the key rope_scaling.mystery is not known to LlamaForCausalLM",
    { rope_scaling: { type: "linear", factor: 2, mystery: 1 } },
  ],
  ["config.json: rope_scaling.factor is missing", { rope_scaling: { type: "linear" } }],
  ["config.json: partial_rotary_factor 0.5 is not supported", { partial_rotary_factor: 0.5 }],
  ["config.json: rope_theta is not a number of at least 1", { rope_theta: 0 }],
  [
    "config.json: rope_scaling.high_freq_factor is not a number above 2",
    { rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 2, high_freq_factor: 2 } },
  ],
  [
    "config.json: rope_scaling.long_factor [1,0,1,1] is not supported by LlamaForCausalLM: factors must be above 0",
    { rope_scaling: { type: "longrope", short_factor: [1, 1, 1, 1], long_factor: [1, 0, 1, 1] } },
  ],
])("refused: %s", (message, config) => {
  expect(() => read(config)).toThrow(ModelProblem);
  expect(() => read(config)).toThrow(message);
});

test("a share of the head that is none is refused", () => {
  const message = (share: unknown) => () => read({ partial_rotary_factor: share } as JsonObject, { partial: 0.5 });
  expect(message(null)).toThrow("config.json: partial_rotary_factor null is not supported by LlamaForCausalLM");
  expect(message(1.6)).toThrow("config.json: partial_rotary_factor is not a number of at least 0 and at most 1");
});

test("layered ropes want their rule under its new name: transformers passes over the old one", () => {
  const layered = (rope_scaling: JsonObject) =>
    readLayeredRopes(new ConfigReader("Gemma3ForCausalLM", { rope_scaling }), {
      headSize: 8,
      contextTokens: 64,
      thetas: { full: 10_000, sliding: 10_000 },
    });
  expect(layered({ rope_type: "linear", factor: 2 }).full.frequencies(1).inverse[0]).toBe(0.5);
  expect(() => layered({ type: "linear", factor: 2 })).toThrow('rope_scaling.type "linear" is not supported');
});

test("tables hold cosines and sines of position · frequency", () => {
  const { cos, sin } = rotaryTables({ inverse: Float32Array.of(1, 0.5), scale: 2 }, 2, 3);
  const angles = [3, 1.5, 4, 2];
  for (const [index, angle] of angles.entries()) {
    expect(cos[index]).toBeCloseTo(2 * Math.cos(angle), 6);
    expect(sin[index]).toBeCloseTo(2 * Math.sin(angle), 6);
  }
});
