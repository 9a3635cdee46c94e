/**
 * Rotary position embedding: the frequencies of every scaling rule, and the tables of cosines and sines that the graph
 * is fed. Tables are made outside the graph because two of the rules depend on a sequence's length.
 *
 * Formulas: RoPE (Su et al. 2021), linear interpolation (Chen et al. 2023), dynamic NTK (bloc97, emozilla), YaRN (Peng
 * et al. 2023), LongRoPE (Ding et al. 2024), Llama 3.1. Where a paper leaves something open, transformers' reading is
 * followed, in single precision as there, since at position 100,000 the last bit of a frequency is a visible angle.
 */
import { invalid } from "../base/invalid.ts";
import type { JsonObject } from "../base/json.ts";
import { type ConfigReader, ModelProblem } from "./config.ts";

export interface Rope {
  /** How many dimensions of a head are rotated. */
  readonly rotated: number;
  /** Frequencies (radians a token) of the pairs, and what cosine and sine are multiplied with. */
  readonly frequencies: (lengthTokens: number) => Frequencies;
  /** The first row of the tables belongs to this position; 0 when absent. */
  readonly firstPosition?: number;
}

export interface Frequencies {
  readonly inverse: Float32Array;
  readonly scale: number;
}

/** cos and sin [positions, rotated / 2] of positions `first`, first + 1, …. */
export function rotaryTables(
  { inverse, scale }: Frequencies,
  positions: number,
  first = 0,
): { cos: Float32Array; sin: Float32Array } {
  const half = inverse.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = Math.fround((first + position) * inverse[pair]!);
      cos[position * half + pair] = Math.fround(Math.cos(angle)) * scale;
      sin[position * half + pair] = Math.fround(Math.sin(angle)) * scale;
    }
  }
  return { cos, sin };
}

export interface RopeSource {
  readonly headSize: number;
  /** The class's `rope_theta`. */
  readonly theta: number;
  readonly contextTokens: number;
  /** The class's `partial_rotary_factor`; absent: the class rotates whole heads and knows no such key. */
  readonly partial?: number;
  /** Phi 3 keeps the length before extension outside of the rope object, and there it wins. */
  readonly originalTokens?: number;
  /** The config's own keys for the two, where they have other names. */
  readonly keys?: { readonly theta: string; readonly partial: string };
  /** HunYuan's `alpha` beside the dynamic type: a fixed growth of theta instead of one by length. */
  readonly alpha?: boolean;
  /** The object lies inside another one, by layer type. There transformers looks for `truncate` outside. */
  readonly nested?: boolean;
  /** What stands for an absent rope object. */
  readonly absent?: JsonObject;
  /** The names of rope types that the class knows, with what they mean; absent: all, by their usual names. */
  readonly types?: Readonly<Record<string, RopeType>>;
}

/**
 * The rope of a config that has one: `rope_theta`, `partial_rotary_factor` and the object with the scaling rule.
 * Of the two spellings of the object, `rope_scaling` wins over `rope_parameters`, as in transformers.
 */
export function readRope(config: ConfigReader, source: RopeSource): Rope {
  const parameters = config.object("rope_scaling") ?? config.object("rope_parameters") ?? config.stand(source.absent);
  config.ignore("rope_parameters");
  const { theta: thetaKey, partial: partialKey } = source.keys ?? usualKeys;
  // A class with keys of its own does not read the usual ones.
  if (source.keys !== undefined) config.ignore(...Object.values(usualKeys));
  const theta = config.number(thetaKey, source.theta, { min: 1 });
  if (source.partial === undefined) {
    config.only(partialKey, 1);
    return readRopeObject(parameters, { ...source, theta });
  }
  return readRopeObject(parameters, { ...source, theta, partial: config.number(partialKey, source.partial) });
}

/**
 * The two ropes of a model whose full and sliding layers differ. The newer style nests an object for each under
 * `rope_parameters`; in the older one `rope_scaling` is about the full layers alone.
 */
export function readLayeredRopes(
  config: ConfigReader,
  source: Omit<RopeSource, "theta"> & { readonly thetas: { readonly full: number; readonly sliding: number } },
): { readonly full: Rope; readonly sliding: Rope } {
  const scaling = config.object("rope_scaling");
  const nested = config.object("rope_parameters");
  const [full, sliding] = [nested?.object("full_attention"), nested?.object("sliding_attention")];
  if (scaling !== undefined && full !== undefined) config.refuse("rope_scaling", "rope_parameters are there too");
  config.only("partial_rotary_factor", 1);
  const { thetas } = source;
  return {
    full: readRopeObject(scaling ?? full, { ...source, theta: thetas.full, nested: true }),
    sliding: readRopeObject(sliding, { ...source, theta: thetas.sliding, nested: true }),
  };
}

const usualKeys = { theta: "rope_theta", partial: "partial_rotary_factor" } as const;

/**
 * One rope object, what it leaves out taken from `source`; undefined: there is none. An unknown `rope_type` is refused
 * by name, and so is a key that the type does not have.
 */
export function readRopeObject(parameters: ConfigReader | undefined, source: RopeSource): Rope {
  const theta = parameters?.number("rope_theta", source.theta, { min: 1 }) ?? source.theta;
  const rotated = rotatedSize(parameters, source);
  const key = parameters?.has("rope_type") ? "rope_type" : "type";
  parameters?.ignore("type");
  const names = source.types ?? allTypes;
  const rule = rules[parameters?.choice(key, names, "default") ?? "default"];
  return { rotated, frequencies: rule({ ...source, theta, rotated }, parameters) };
}

const rotatedMax = 65_536;

function rotatedSize(parameters: ConfigReader | undefined, { headSize, partial }: RopeSource): number {
  const key = "partial_rotary_factor";
  if (partial === undefined) parameters?.only(key, 1);
  const factor = partial === undefined ? 1 : (parameters?.number(key, partial, { min: 0, max: 1 }) ?? partial);
  const rotated = Math.trunc(headSize * factor);
  // Frequencies are computed before any tensor can show that the size is made up.
  if (rotated > rotatedMax) {
    const what = `of a head of ${headSize}, ${rotated} dimensions would be rotated; more than ${rotatedMax} never are`;
    throw new ModelProblem(invalid("config-malformed", `config.json: ${what}`));
  }
  if (rotated < 2 || rotated % 2 === 1) {
    const what = `of a head of ${headSize}, ${rotated} dimensions would be rotated, not an even number`;
    throw new ModelProblem(invalid("config-malformed", `config.json: ${what}`));
  }
  return rotated;
}

interface Base extends RopeSource {
  readonly rotated: number;
}

type Rule = (base: Base, parameters: ConfigReader | undefined) => Rope["frequencies"];

type RopeType = "default" | "linear" | "dynamic" | "llama3" | "yarn" | "longrope";

const allTypes: Readonly<Record<string, RopeType>> = {
  default: "default",
  linear: "linear",
  dynamic: "dynamic",
  llama3: "llama3",
  yarn: "yarn",
  longrope: "longrope",
};

const rules: Readonly<Record<RopeType, Rule>> = {
  default: ({ theta, rotated }, parameters) => {
    // transformers writes these beside the type whatever it is; they have no meaning here.
    parameters?.ignore("factor", "original_max_position_embeddings");
    return always(powers(theta, rotated));
  },
  linear: ({ theta, rotated }, parameters) => {
    const factor = factorOf(parameters!);
    return always(powers(theta, rotated).map((frequency) => frequency / factor));
  },
  dynamic: ({ theta, rotated, contextTokens, alpha }, parameters) => {
    if (alpha && parameters!.has("alpha")) {
      parameters!.ignore("factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim");
      return always(powers(theta * parameters!.number("alpha") ** (rotated / (rotated - 2)), rotated));
    }
    const factor = factorOf(parameters!);
    parameters!.ignore("original_max_position_embeddings");
    const short = { inverse: powers(theta, rotated), scale: 1 };
    return (lengthTokens) => {
      if (lengthTokens <= contextTokens) return short;
      const growth = (factor * lengthTokens) / contextTokens - (factor - 1);
      return { inverse: powers(theta * growth ** (rotated / (rotated - 2)), rotated), scale: 1 };
    };
  },
  llama3: (base, parameters) => {
    const factor = factorOf(parameters!);
    const low = parameters!.number("low_freq_factor");
    const high = parameters!.number("high_freq_factor");
    const original = originalTokens(base, parameters!);
    return always(
      powers(base.theta, base.rotated).map((frequency) => {
        const wavelength = (2 * Math.PI) / frequency;
        if (wavelength > original / low) return frequency / factor;
        if (wavelength < original / high) return frequency;
        const smooth = (original / wavelength - low) / (high - low);
        return ((1 - smooth) * frequency) / factor + smooth * frequency;
      }),
    );
  },
  yarn,
  longrope,
};

function yarn(base: Base, parameters: ConfigReader | undefined): Rope["frequencies"] {
  const { theta, rotated } = base;
  const config = parameters!;
  const original = originalTokens(base, config);
  const factor = config.has("factor") ? factorOf(config) : base.contextTokens / original;
  const [fast, slow] = [config.number("beta_fast", 32) || 32, config.number("beta_slow", 1) || 1];
  if (base.nested) config.only("truncate", true);
  const truncate = base.nested || config.flag("truncate", true);
  const scale = yarnScale(factor, config);

  const dimensionOf = (rotations: number) =>
    (rotated * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const [low, high] = truncate
    ? [Math.floor(dimensionOf(fast)), Math.ceil(dimensionOf(slow))]
    : [dimensionOf(fast), dimensionOf(slow)];
  const from = Math.max(low, 0);
  const to = Math.min(high, rotated - 1);
  const width = from === to ? 0.001 : to - from;
  const inverse = powers(theta, rotated).map((frequency, pair) => {
    const interpolated = Math.min(Math.max((pair - from) / width, 0), 1);
    return (frequency / factor) * interpolated + frequency * (1 - interpolated);
  });
  return always(inverse, scale);
}

function yarnScale(factor: number, config: ConfigReader): number {
  const mscale = config.number("mscale", 0);
  const mscaleAllDim = config.number("mscale_all_dim", 0);
  if (config.has("attention_factor")) return config.number("attention_factor");
  config.ignore("attention_factor");
  const grow = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  return mscale !== 0 && mscaleAllDim !== 0 ? grow(mscale) / grow(mscaleAllDim) : grow(1);
}

function longrope(base: Base, parameters: ConfigReader | undefined): Rope["frequencies"] {
  const config = parameters!;
  const { theta, rotated, contextTokens } = base;
  const original = originalTokens(base, config);
  const factor = config.has("factor") ? factorOf(config) : contextTokens / original;
  config.ignore("factor", "attention_factor");
  const scale = config.has("attention_factor")
    ? config.number("attention_factor")
    : factor <= 1
      ? 1
      : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const [short, long] = ["short_factor", "long_factor"].map((key) => {
    const factors = config.numbers(key) ?? config.refuse(key);
    if (factors.length !== rotated / 2) config.refuse(key, `${rotated / 2} factors are needed`);
    return powers(theta, rotated).map((frequency, pair) => frequency / factors[pair]!);
  }) as [Float32Array, Float32Array];
  const [whenShort, whenLong] = [always(short, scale), always(long, scale)];
  return (lengthTokens) => (lengthTokens > original ? whenLong : whenShort)(lengthTokens);
}

/** θ^(−2i/d) for every pair i, each step rounded as single precision rounds it. */
function powers(theta: number, rotated: number): Float32Array {
  return Float32Array.from({ length: rotated / 2 }, (_, pair) => {
    return 1 / Math.fround(theta ** Math.fround((2 * pair) / rotated));
  });
}

/** The same object at every length, by which the owner of the tables knows that they still hold. */
function always(inverse: Float32Array, scale = 1): Rope["frequencies"] {
  const frequencies = { inverse, scale };
  return () => frequencies;
}

function factorOf(config: ConfigReader): number {
  return config.number("factor", undefined, { min: Number.MIN_VALUE });
}

function originalTokens({ originalTokens: outer, contextTokens }: Base, config: ConfigReader): number {
  const inner = config.integer("original_max_position_embeddings", contextTokens);
  return outer ?? inner;
}

/** The rope of GPT-J's kind: a number of rotated dimensions, always with theta 10,000. */
export function fixedRope(
  config: ConfigReader,
  key: string,
  { fallback, headSize }: { readonly fallback: number; readonly headSize: number },
): Rope {
  if (config.lists(key) && !config.has(key)) config.refuse(key);
  const rotated = config.integer(key, fallback, { min: 2 });
  if (rotated > Math.min(headSize, rotatedMax) || rotated % 2 === 1)
    config.refuse(key, `a head has ${headSize} dimensions`);
  return { rotated, frequencies: always(powers(10_000, rotated)) };
}
