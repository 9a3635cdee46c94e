/**
 * Rotary position embedding: what a config says of it (the rules are in rope-rules.ts), and the tables of cosines and
 * sines that the graph is fed. Tables are made outside the graph because two of the rules depend on a sequence's length.
 */
import { invalid } from "../base/invalid.ts";
import type { JsonObject } from "../base/json.ts";
import { type ConfigReader, ModelProblem } from "./config.ts";
import {
  always,
  type Frequencies,
  type FrequenciesOf,
  plain,
  type RopeType,
  type RuleSource,
  rules,
  single,
} from "./rope-rules.ts";

export type { Frequencies };

export interface Rope {
  /** How many dimensions of a head are rotated. */
  readonly rotated: number;
  /** Frequencies (radians a token) of the pairs, and what cosine and sine are multiplied with. */
  readonly frequencies: FrequenciesOf;
  /** The first row of the tables belongs to this position; 0 when absent. */
  readonly firstPosition?: number;
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
      const angle = single((first + position) * inverse[pair]!);
      cos[position * half + pair] = single(Math.cos(angle)) * single(scale);
      sin[position * half + pair] = single(Math.sin(angle)) * single(scale);
    }
  }
  return { cos, sin };
}

export interface RopeSource extends RuleSource {
  readonly headSize: number;
  /** The class's `partial_rotary_factor`; absent: the class rotates whole heads and knows no such key. */
  readonly partial?: number;
  /** The config's own keys for theta and the share, where they have other names. */
  readonly keys?: { readonly theta: string; readonly partial: string };
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
  // To transformers null is neither the class's share nor always the whole head.
  if (config.lists(partialKey) && !config.has(partialKey)) config.refuse(partialKey);
  const partial = config.number(partialKey, source.partial, { min: 0, max: 1 });
  return readRopeObject(parameters, { ...source, theta, partial });
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
  // The older spelling of the type would be passed over by these classes, and its rule with it.
  if (scaling?.has("type") && !scaling.has("rope_type")) scaling.refuse("type", "rope_type says which rule it is");
  config.only("partial_rotary_factor", 1);
  const { thetas } = source;
  return {
    full: readRopeObject(scaling ?? full, { ...source, theta: thetas.full, nested: true }),
    sliding: readRopeObject(sliding, { ...source, theta: thetas.sliding, nested: true }),
  };
}

const allTypes: Readonly<Record<string, RopeType>> = {
  default: "default",
  linear: "linear",
  dynamic: "dynamic",
  llama3: "llama3",
  yarn: "yarn",
  longrope: "longrope",
};

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
  return { rotated, frequencies: always(plain(10_000, rotated)) };
}
