/** Self-attention as architectures build it: projections, norms of queries and keys, rotation, the kernel, the output. */
import { constant, mul, reshape, slice, sub } from "../graph/expression.ts";
import type { Node } from "../graph/node.ts";
import type { AttentionOptions, Builder } from "./builder.ts";
import type { ConfigReader } from "./config.ts";
import { linear, widthOf } from "./parts.ts";

/** [rows, heads · headSize], [rows, kvHeads · headSize] twice. */
export interface Projected {
  readonly query: Node;
  readonly key: Node;
  readonly value: Node;
}

export interface SelfAttention extends AttentionOptions {
  /** Biases of the three projections, and of the output. */
  readonly bias?: { readonly projections: boolean; readonly output: boolean };
  /** The output's name; `o_proj` when absent. */
  readonly output?: string;
  /** What happens to the projections before rotation: norms, clipping. */
  readonly adjust?: (projected: Projected) => Projected;
}

/** `at.q_proj`, `at.k_proj`, `at.v_proj`, attention, `at.o_proj`. x: [rows, hidden] → [rows, hidden]. */
export function selfAttention(b: Builder, x: Node, at: string, options: SelfAttention): Node {
  const { heads, kvHeads, headSize, output = "o_proj" } = options;
  const { bias = { projections: false, output: false }, adjust = (projected) => projected } = options;
  const project = (name: string, count: number) =>
    linear(b, x, `${at}.${name}`, count * headSize, { bias: bias.projections });
  const { query, key, value } = adjust({
    query: project("q_proj", heads),
    key: project("k_proj", kvHeads),
    value: project("v_proj", kvHeads),
  });
  return linear(b, b.attention(query, key, value, options), `${at}.${output}`, widthOf(x), { bias: bias.output });
}

/**
 * Takes a fused projection apart that is laid out by group: for each key/value head its queries, then its key, then its
 * value. With as many groups as heads that is [q, k, v] head by head; with one it is [all q, k, v].
 */
export function splitByGroup(
  fused: Node,
  { heads, kvHeads, headSize }: { heads: number; kvHeads: number; headSize: number },
): Projected {
  const group = heads / kvHeads;
  const parts = reshape(fused, ["rows", kvHeads, group + 2, headSize]);
  const piece = (start: number, count: number) =>
    reshape(slice(parts, 2, start, start + count), ["rows", kvHeads * count * headSize]);
  return { query: piece(0, group), key: piece(group, 1), value: piece(group + 1, 1) };
}

/** `layer_types` of the config, or the class's own rule: which layers see a window only. */
export function readSlidingLayers(
  config: ConfigReader,
  layers: number,
  fallback: (index: number) => boolean,
): readonly boolean[] {
  const types = config.words("layer_types");
  if (types === undefined) return Array.from({ length: layers }, (_, index) => fallback(index));
  if (types.length !== layers) config.contradict(`layer_types has ${types.length} entries, the model ${layers} layers`);
  return types.map((type) => {
    if (type !== "sliding_attention" && type !== "full_attention") config.refuse("layer_types", `${type} is unknown`);
    return type === "sliding_attention";
  });
}

/**
 * ALiBi's slopes (Press et al. 2022): 2^(−8/n), 2^(−16/n), … for n heads, a power of two; for other numbers those of
 * the next lower power of two, then every second one of the next higher. Rounded to single precision at each step.
 */
export function alibiSlopes(heads: number): readonly number[] {
  const lower = 2 ** Math.floor(Math.log2(heads));
  const base = Math.fround(2 ** -(2 ** -(Math.log2(lower) - 3)));
  const slopes = Array.from({ length: lower }, (_, head) => Math.fround(base ** (head + 1)));
  const between = Math.fround(2 ** -(2 ** -(Math.log2(2 * lower) - 3)));
  const rest = Array.from({ length: heads - lower }, (_, head) => Math.fround(between ** (2 * head + 1)));
  return [...slopes, ...rest];
}

/**
 * slope · (key − query): the bias [1 or batch, heads, tokens, keys]. Counted from the query instead of from the start, which
 * changes no softmax and keeps the numbers small.
 */
export function alibiBias(b: Builder, slopes: readonly number[]): Node {
  return mul(sub(b.keyPositions, b.queryPositions), constant(slopes, [1, slopes.length, 1, 1]));
}
