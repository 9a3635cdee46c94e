/** The sizes that most decoders have in config.json, under the names of Llama. */

import { readSlidingLayers } from "./attention.ts";
import type { ConfigReader } from "./config.ts";
import { divide } from "./parts.ts";

export interface DecoderSizes {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly contextTokens: number;
}

/** More than any model of the field has; a bound on the graph that a config can ask for. */
export const layersMax = 512;

export interface SizeDefaults {
  /** `max_position_embeddings` of the class. */
  readonly contextTokens: number;
  /** The class's `head_dim`, where that is not hidden / heads. */
  readonly headSize?: number;
  /** The class divides hidden / heads whatever `head_dim` says; another value there is refused. */
  readonly headSizeFixed?: boolean;
  /** The class's `num_key_value_heads`, where that is not the number of heads. */
  readonly kvHeads?: number;
}

/**
 * `vocab_size`, `hidden_size`, `num_hidden_layers`, `num_attention_heads`, `num_key_value_heads`, `head_dim`,
 * `max_position_embeddings`. The sizes themselves are required: a missing one is not guessed.
 */
export function readSizes(config: ConfigReader, defaults: SizeDefaults): DecoderSizes {
  const vocabulary = config.integer("vocab_size");
  const hidden = config.integer("hidden_size");
  const layers = config.integer("num_hidden_layers", undefined, { max: layersMax });
  const heads = config.integer("num_attention_heads");
  const kvHeads = config.integer(
    "num_key_value_heads",
    config.lists("num_key_value_heads") ? heads : (defaults.kvHeads ?? heads),
  );
  divide(config, heads, kvHeads, "num_attention_heads and num_key_value_heads");
  const headSize = config.has("head_dim")
    ? config.integer("head_dim")
    : (defaults.headSize ?? divide(config, hidden, heads, "hidden_size and num_attention_heads"));
  config.ignore("head_dim");
  if (defaults.headSizeFixed && headSize * heads !== hidden) config.refuse("head_dim");
  const contextTokens = config.integer("max_position_embeddings", defaults.contextTokens);
  return { vocabulary, hidden, layers, heads, kvHeads, headSize, contextTokens };
}

/**
 * `sliding_window`: null is none, absence the class's default. 0 would hide from a token even itself and is refused.
 */
export function readWindow(config: ConfigReader, fallback: number): number {
  if (config.lists("sliding_window") && !config.has("sliding_window")) {
    config.ignore("sliding_window");
    return 0;
  }
  return fallback === 0 && !config.lists("sliding_window") ? 0 : config.integer("sliding_window", fallback);
}

/**
 * The rule of the Qwen family: layers from `max_window_layers` on slide, if `use_sliding_window` says so; `layer_types`
 * wins over it. Returns each layer's window, 0 for none.
 */
export function readQwenWindows(config: ConfigReader, layers: number): readonly number[] {
  const used = config.flag("use_sliding_window", false);
  if (!used) config.ignore("sliding_window");
  const window = used ? readWindow(config, 4096) : 0;
  const first = config.integer("max_window_layers", 28, { min: 0 });
  const sliding = readSlidingLayers(config, layers, (index) => window > 0 && index >= first);
  if (window === 0 && sliding.includes(true)) config.refuse("layer_types", "there is no sliding_window");
  return sliding.map((slides) => (slides ? window : 0));
}

/** The multipliers of the Granite family; each is 1 where the config is silent. */
export function readMultipliers(config: ConfigReader): {
  readonly embedding: number;
  readonly attention: number;
  readonly residual: number;
  readonly logits: number;
} {
  return {
    embedding: config.number("embedding_multiplier", 1),
    attention: config.number("attention_multiplier", 1, { above: 0 }),
    residual: config.number("residual_multiplier", 1),
    logits: config.number("logits_scaling", 1, { above: 0 }),
  };
}

/** A soft cap, 0 for none: that is what null says, and absence the class's default. A cap of 0 is refused. */
export function readCap(config: ConfigReader, key: string, fallback: number): number {
  if (config.has(key)) return config.number(key, undefined, { above: 0 });
  config.ignore(key);
  return config.lists(key) ? 0 : fallback;
}
