/**
 * Rewrites composites into primitives, by the formulas that the kernels compute. Training differentiates the result.
 *
 * Attention is the plain one, [batch, kvHeads, group, tokens, tokens] scores and all: right for the lengths that
 * fine-tuning uses. It has no past, so a graph that was built with one is refused.
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
  tanh,
  transpose,
  where,
} from "./expression.ts";
import { type Graph, map } from "./graph.ts";
import type { Node } from "./node.ts";
import type { Attention, CompositeKind, OpOf } from "./op.ts";

/** A masked score: far below any real one, and finite so that no gradient becomes NaN. */
const masked = -1e30;

/** @param kept composites that stay as they are */
export function decompose(graph: Graph, kept: readonly CompositeKind[] = []): Graph {
  return map(graph, (node, inputs) => {
    if ((kept as readonly string[]).includes(node.op.kind)) return undefined;
    const rule = rules[node.op.kind as CompositeKind] as
      | ((op: unknown, ...inputs: readonly Node[]) => Node)
      | undefined;
    return rule?.(node.op, ...inputs);
  });
}

type Rule<K extends CompositeKind> = (op: OpOf<K>, ...inputs: readonly Node[]) => Node;

const rules: { readonly [K in CompositeKind]: Rule<K> } = {
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
  Attention: attend,
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

function attend(op: Attention, ...inputs: readonly Node[]): Node {
  const { query, key, value, past, bias, sinks, positions } = attentionInputs(op, inputs);
  assert(past === undefined, "an attention with a past cannot be decomposed");
  const { heads, kvHeads, headSize } = op;
  const group = heads / kvHeads;
  const [batch, tokens] = query.shape as [string, string];

  const q = transpose(reshape(query, [batch, tokens, kvHeads, group, headSize]), [0, 2, 3, 1, 4]);
  const k = transpose(reshape(key, [batch, tokens, kvHeads, 1, headSize]), [0, 2, 3, 4, 1]);
  const v = transpose(reshape(value, [batch, tokens, kvHeads, 1, headSize]), [0, 2, 3, 1, 4]);
  // Scaling queries is less work than scaling scores.
  let scores = matmul(mul(q, op.scale), k);
  if (op.softcap > 0) scores = mul(tanh(div(scores, op.softcap)), op.softcap);
  if (bias !== undefined) scores = add(scores, reshape(bias, [bias.shape[0]!, kvHeads, group, tokens, tokens]));
  // Added, so that no gradient needs the mask again: behind the softmax a hidden score's is zero anyway.
  scores = add(scores, where(visible(tokens, op.window, positions), 0, masked));
  const probabilities = sinks === undefined ? softmax(scores) : softmaxWithSinks(scores, sinks);
  const result = transpose(matmul(probabilities, v), [0, 3, 1, 2, 4]);
  return reshape(result, [batch, tokens, heads * headSize]);
}

/** bool [tokens, tokens], or with positions [batch, 1, 1, tokens, tokens]: which keys (columns) a query (row) sees. */
function visible(tokens: string, window: number, positions: Node | undefined): Node {
  const rows = reshape(iota(tokens), [tokens, 1]);
  const columns = reshape(iota(tokens), [1, tokens]);
  const causal = lessOrEqual(columns, rows);
  const windowed = window === 0 ? causal : and(causal, greater(add(columns, constant(window, [], "i64")), rows));
  if (positions === undefined) return windowed;
  // A token's position is how many tokens of its own sequence stand before it.
  const before = reshape(positions, [positions.shape[0]!, 1, 1, tokens, 1]);
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
