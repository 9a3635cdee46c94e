/**
 * Rewrites composites into primitives, by the formulas that the kernels compute. Training differentiates the result.
 *
 * Attention is the plain one, scores and all: right for the lengths that fine-tuning uses. It has no past, so a graph
 * that was built with one is refused.
 */
import { assert } from "../base/assert.ts";
import {
  add,
  and,
  attentionInputs,
  concat,
  constant,
  div,
  erf,
  exp,
  gather,
  greater,
  greaterOrEqual,
  iota,
  joinBlocks,
  lessOrEqual,
  matmul,
  mul,
  reduceLogSumExp,
  reduceMean,
  reshape,
  sigmoid,
  slice,
  softmax,
  softplus,
  sqrt,
  sub,
  takeBlock,
  tanh,
  transpose,
  where,
} from "./expression.ts";
import { type Graph, map } from "./graph.ts";
import type { Node } from "./node.ts";
import type { Attention, CompositeKind, OpOf } from "./op.ts";

/** A masked score: far below any real one, and finite so that no gradient becomes NaN. */
const masked = -1e30;

/** Queries of a sequence, and all keys up to the last of them: i64 [any] each, places in the sequence, ascending. */
export interface QueryBlock {
  readonly queries: Node;
  readonly keys: Node;
}

export interface DecomposeOptions {
  /** Composites that stay as they are. */
  readonly kept?: readonly CompositeKind[];
  /**
   * Together all queries of a sequence. Attention is then computed a block after the other, each of the keys that it may
   * see: of n blocks of a size all scores are (n + 1) / 2n of the square. At once when there are none.
   */
  readonly blocks?: readonly QueryBlock[];
}

export function decompose(graph: Graph, { kept = [], blocks = [] }: DecomposeOptions = {}): Graph {
  return map(graph, (node, inputs) => {
    if (kept.some((kind) => kind === node.op.kind)) return undefined;
    if (node.op.kind === "Attention") return attend(node.op, inputs, blocks);
    const rule = rules[node.op.kind as keyof typeof rules] as
      | ((op: unknown, ...inputs: readonly Node[]) => Node)
      | undefined;
    return rule?.(node.op, ...inputs);
  });
}

type Rule<K extends CompositeKind> = (op: OpOf<K>, ...inputs: readonly Node[]) => Node;

const rules: { readonly [K in Exclude<CompositeKind, "Attention">]: Rule<K> } = {
  RmsNorm: ({ epsilon }, x, weight) => {
    const meanSquare = reduceMean(mul(x!, x!), [lastAxis(x!)]);
    return mul(div(x!, sqrt(add(meanSquare, epsilon))), weight!);
  },
  LayerNorm: ({ epsilon }, x, weight, bias) => {
    const centred = sub(x!, reduceMean(x!, [lastAxis(x!)]));
    const variance = reduceMean(mul(centred, centred), [lastAxis(x!)]);
    const scaled = mul(div(centred, sqrt(add(variance, epsilon))), weight!);
    return bias === undefined ? scaled : add(scaled, bias);
  },
  Gelu: ({ tanh: tanhForm }, x) => {
    const inner = tanhForm
      ? tanh(mul(add(x!, mul(mul(mul(x!, x!), x!), 0.044715)), Math.sqrt(2 / Math.PI)))
      : erf(mul(x!, Math.SQRT1_2));
    return mul(mul(x!, 0.5), add(inner, 1));
  },
  Silu: ({ scale }, x) => mul(x!, sigmoid(scale === 1 ? x! : mul(x!, scale))),
  Rotary: rotate,
};

function rotate({ heads, rotated, interleaved }: OpOf<"Rotary">, ...inputs: readonly Node[]): Node {
  const [x, positions, cosTable, sinTable] = inputs as [Node, Node, Node, Node];
  const [batch, tokens, width] = x.shape as [string, string, number];
  const size = width / heads;
  const byHead = reshape(x, [batch, tokens, heads, size]);
  const [cos, sin] = [cosTable, sinTable].map((table) =>
    reshape(gather(table, positions), [batch, tokens, 1, rotated / 2]),
  ) as [Node, Node];
  const [first, second] = interleaved
    ? [slice(byHead, 3, 0, rotated, 2), slice(byHead, 3, 1, rotated, 2)]
    : [slice(byHead, 3, 0, rotated / 2), slice(byHead, 3, rotated / 2, rotated)];
  const turned = [sub(mul(first, cos), mul(second, sin)), add(mul(second, cos), mul(first, sin))];
  const parts = interleaved
    ? [
        reshape(
          concat(
            turned.map((part) => reshape(part, [batch, tokens, heads, rotated / 2, 1])),
            4,
          ),
          [batch, tokens, heads, rotated],
        ),
      ]
    : turned;
  if (rotated < size) parts.push(slice(byHead, 3, rotated, size));
  return reshape(concat(parts, 3), x.shape);
}

/** A layer's attention, or that of a block of its queries. */
interface Heads {
  readonly op: Attention;
  /** [batch, kvHeads, group, queries, headSize] */
  readonly query: Node;
  /** [keys, batch, kvHeads · headSize], scaled: less work than scaling queries or scores */
  readonly key: Node;
  readonly value: Node;
  /** [1 or batch, heads, queries, keys]: added to the scores. */
  readonly bias: Node | undefined;
  readonly sinks: Node | undefined;
  /** i64 [queries, batch] */
  readonly positions: Node | undefined;
}

function attend(op: Attention, inputs: readonly Node[], blocks: readonly QueryBlock[]): Node {
  const { query, key, value, past, bias, sinks, positions } = attentionInputs(op, inputs);
  assert(past === undefined, "an attention with a past cannot be decomposed");
  const { heads, kvHeads, headSize } = op;
  const [batch, tokens] = query.shape as [string, string];
  const byHead = reshape(query, [batch, tokens, kvHeads, heads / kvHeads, headSize]);
  const whole: Heads = {
    op,
    query: transpose(byHead, [0, 2, 3, 1, 4]),
    key: transpose(mul(key, op.scale), [1, 0, 2]),
    value: transpose(value, [1, 0, 2]),
    bias,
    sinks,
    positions: positions === undefined ? undefined : transpose(positions, [1, 0]),
  };
  // A table of all pairs of tokens would have to be taken apart along two axes.
  const result = blocks.length === 0 || bias !== undefined ? attendAtOnce(whole) : attendByBlocks(whole, blocks);
  return reshape(transpose(result, [0, 3, 1, 2, 4]), query.shape);
}

function attendAtOnce(heads: Heads): Node {
  const all = iota(heads.query.shape[3]!);
  return attendBlock(heads, { queries: all, keys: all });
}

function attendByBlocks(heads: Heads, blocks: readonly QueryBlock[]): Node {
  const places = blocks.map(({ queries }) => queries);
  const results = blocks.map((block, index) => {
    const part: Heads = {
      ...heads,
      query: takeBlock(heads.query, places, 3, index),
      key: gather(heads.key, block.keys),
      value: gather(heads.value, block.keys),
      positions: heads.positions === undefined ? undefined : gather(heads.positions, block.queries),
    };
    return attendBlock(part, block);
  });
  return joinBlocks(results, places, 3, heads.query.shape[3]!);
}

/**
 * Scores are [batch, kvHeads, group, queries, keys]: the queries that share a key's head meet the same key, which is not
 * repeated for them.
 *
 * @returns of the query's shape
 */
function attendBlock({ op, query, key, value, bias, sinks, positions }: Heads, block: QueryBlock): Node {
  const [, kvHeads, group, queries, headSize] = query.shape as [string, number, number, string, number];
  const [keys, batch] = key.shape as [string, string];
  const k = transpose(reshape(key, [keys, batch, kvHeads, 1, headSize]), [1, 2, 3, 4, 0]);
  const v = transpose(reshape(value, [keys, batch, kvHeads, 1, headSize]), [1, 2, 3, 0, 4]);
  let scores = matmul(query, k);
  if (op.softcap > 0) scores = mul(tanh(div(scores, op.softcap)), op.softcap);
  if (bias !== undefined) scores = add(scores, reshape(bias, [bias.shape[0]!, kvHeads, group, queries, keys]));
  // Added, so that no gradient needs the mask again: behind the softmax a hidden score's is zero anyway.
  scores = add(scores, where(visible(block, op.window, positions), 0, masked));
  const probabilities = sinks === undefined ? softmax(scores) : softmaxWithSinks(scores, sinks);
  return matmul(probabilities, v);
}

/** bool [queries, keys], or with positions [batch, 1, 1, queries, keys]: which keys a query sees. */
function visible({ queries, keys }: QueryBlock, window: number, positions: Node | undefined): Node {
  const rows = reshape(queries, [...queries.shape, 1]);
  const columns = reshape(keys, [1, ...keys.shape]);
  const causal = lessOrEqual(columns, rows);
  const windowed = window === 0 ? causal : and(causal, greater(add(columns, constant(window, [], "i64")), rows));
  if (positions === undefined) return windowed;
  // A token's position is how many tokens of its own sequence stand before it.
  const [count, batch] = positions.shape as [string, string];
  const before = reshape(transpose(positions, [1, 0]), [batch, 1, 1, count, 1]);
  return and(windowed, greaterOrEqual(add(columns, before), rows));
}

/** exp(s − logaddexp(logsumexp s, sink)): a softmax whose denominator has one score more, of which no column remains. */
function softmaxWithSinks(scores: Node, sinks: Node): Node {
  const [, kvHeads, group] = scores.shape as [string, number, number];
  const logSum = reduceLogSumExp(scores, [4]);
  const sink = reshape(sinks, [1, kvHeads, group, 1, 1]);
  return exp(sub(sub(scores, logSum), softplus(sub(sink, logSum))));
}

function lastAxis(x: Node): number {
  return x.shape.length - 1;
}
