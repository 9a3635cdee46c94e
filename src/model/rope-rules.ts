/**
 * The frequencies of every rule of scaling rotary embeddings.
 *
 * Formulas: RoPE (Su et al. 2021), linear interpolation (Chen et al. 2023), dynamic NTK (bloc97, emozilla), YaRN (Peng
 * et al. 2023), LongRoPE (Ding et al. 2024), Llama 3.1. Where a paper leaves something open, transformers' reading is
 * followed, and its every step is rounded to single precision as there: at position 2,000 the last bit of a frequency
 * moves a loss by 1e-4.
 */
import type { ConfigReader } from "./config.ts";

export interface Frequencies {
  /** Radians a token, of each pair of dimensions. */
  readonly inverse: Float32Array;
  /** What cosine and sine are multiplied with. */
  readonly scale: number;
}

export interface RuleSource {
  /** The class's `rope_theta`, or the config's. */
  readonly theta: number;
  readonly contextTokens: number;
  /** Phi 3 keeps the length before extension outside of the rope object, and there it wins. */
  readonly originalTokens?: number;
  /** HunYuan's `alpha` beside the dynamic type: a fixed growth of theta instead of one by length. */
  readonly alpha?: boolean;
  /** The object lies inside another one, by layer type. There transformers looks for `truncate` outside. */
  readonly nested?: boolean;
}

/** The frequencies of a sequence of so many tokens: the same object wherever they are the same. */
export type FrequenciesOf = (lengthTokens: number) => Frequencies;

/** Rounds to single precision, as every step of the reference is rounded. */
export const single = Math.fround;

interface Base extends RuleSource {
  readonly rotated: number;
}

/** Reads the rule's own keys. Only `default` does without an object. */
type Rule = (base: Base, parameters: ConfigReader | undefined) => FrequenciesOf;

export type RopeType = "default" | "linear" | "dynamic" | "llama3" | "yarn" | "longrope";

export const rules: Readonly<Record<RopeType, Rule>> = {
  default: ({ theta, rotated }, parameters) => {
    // transformers writes these beside the type whatever it is; they have no meaning here.
    parameters?.ignore("factor", "original_max_position_embeddings");
    return always(plain(theta, rotated));
  },
  linear: ({ theta, rotated }, parameters) => {
    const factor = single(factorOf(parameters!));
    return always(plain(theta, rotated).map((frequency) => frequency / factor));
  },
  dynamic: ({ theta, rotated, contextTokens, alpha }, parameters) => {
    const exponent = rotated / (rotated - 2);
    if (alpha && parameters!.has("alpha")) {
      parameters!.ignore("factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim");
      return always(plain(theta * parameters!.number("alpha") ** exponent, rotated));
    }
    const factor = factorOf(parameters!);
    parameters!.ignore("original_max_position_embeddings");
    const short = { inverse: plain(theta, rotated), scale: 1 };
    return (lengthTokens) => {
      if (lengthTokens <= contextTokens) return short;
      const growth = single(single(single(single(factor) * lengthTokens) / contextTokens) - single(factor - 1));
      return { inverse: plain(theta * single(growth ** exponent), rotated), scale: 1 };
    };
  },
  llama3: (base, parameters) => {
    const factor = single(factorOf(parameters!));
    const low = parameters!.number("low_freq_factor");
    const high = parameters!.number("high_freq_factor", undefined, { above: low });
    const original = originalTokens(base, parameters!);
    return always(
      plain(base.theta, base.rotated).map((frequency) => {
        const wavelength = single(single(1 / frequency) * single(2 * Math.PI));
        if (wavelength > original / low) return frequency / factor;
        if (wavelength < original / high) return frequency;
        const turns = single(single(1 / wavelength) * original);
        const smooth = single(single(turns - single(low)) / single(high - low));
        return single(single(single(1 - smooth) * frequency) / factor) + single(smooth * frequency);
      }),
    );
  },
  yarn,
  longrope,
};

function yarn(base: Base, parameters: ConfigReader | undefined): FrequenciesOf {
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
  const inverse = powers(theta, rotated).map((power, pair) => {
    const ramp = single(single(pair - single(from)) / single(width));
    const kept = single(1 - Math.min(Math.max(ramp, 0), 1));
    const interpolated = single(1 / single(single(factor) * power));
    return single(interpolated * single(1 - kept)) + single(single(1 / power) * kept);
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

function longrope(base: Base, parameters: ConfigReader | undefined): FrequenciesOf {
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
    if (!factors.every((factor) => factor > 0)) config.refuse(key, "factors must be above 0");
    return powers(theta, rotated).map((power, pair) => 1 / single(single(factors[pair]!) * power));
  }) as [Float32Array, Float32Array];
  const [whenShort, whenLong] = [always(short, scale), always(long, scale)];
  return (lengthTokens) => (lengthTokens > original ? whenLong : whenShort)(lengthTokens);
}

/** θ^(2i/d) for every pair i. */
function powers(theta: number, rotated: number): Float32Array {
  return Float32Array.from({ length: rotated / 2 }, (_, pair) => single(theta) ** single((2 * pair) / rotated));
}

/** θ^(−2i/d) for every pair i. */
export function plain(theta: number, rotated: number): Float32Array {
  return powers(theta, rotated).map((power) => 1 / power);
}

/** The same object at every length, by which the owner of the tables knows that they still hold. */
export function always(inverse: Float32Array, scale = 1): FrequenciesOf {
  const frequencies = { inverse, scale };
  return () => frequencies;
}

function factorOf(config: ConfigReader): number {
  return config.number("factor", undefined, { above: 0 });
}

function originalTokens({ originalTokens: outer, contextTokens }: Base, config: ConfigReader): number {
  const inner = config.integer("original_max_position_embeddings", contextTokens);
  return outer ?? inner;
}
