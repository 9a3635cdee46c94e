import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../base/json.ts";
import { ConfigReader, ModelProblem } from "./config.ts";
import { type RopeSource, readRope, rotaryTables } from "./rope.ts";

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

test.each<[string, JsonObject]>([
  ['config.json: rope_scaling.type "su" is not supported by LlamaForCausalLM', { rope_scaling: { type: "su" } }],
  [
    "config.json: the key rope_scaling.mystery is not known to LlamaForCausalLM",
    { rope_scaling: { type: "linear", factor: 2, mystery: 1 } },
  ],
  ["config.json: rope_scaling.factor is missing", { rope_scaling: { type: "linear" } }],
  ["config.json: partial_rotary_factor 0.5 is not supported", { partial_rotary_factor: 0.5 }],
  ["config.json: rope_theta is not a number of at least 1", { rope_theta: 0 }],
])("refused: %s", (message, config) => {
  expect(() => read(config)).toThrow(ModelProblem);
  expect(() => read(config)).toThrow(message);
});

test("tables hold cosines and sines of position · frequency", () => {
  const { cos, sin } = rotaryTables({ inverse: Float32Array.of(1, 0.5), scale: 2 }, 2, 3);
  const angles = [3, 1.5, 4, 2];
  for (const [index, angle] of angles.entries()) {
    expect(cos[index]).toBeCloseTo(2 * Math.cos(angle), 6);
    expect(sin[index]).toBeCloseTo(2 * Math.sin(angle), 6);
  }
});
