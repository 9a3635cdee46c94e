/**
 * Mixtures of experts. Every expert computes only the rows that were routed to it, so the cost is that of the experts
 * chosen, whatever their number.
 */
import {
  cast,
  constant,
  div,
  equal,
  gather,
  gatherElements,
  greater,
  mul,
  nonZeroRows,
  reduceSum,
  reshape,
  scatterAddRows,
  softmax,
  topKIndices,
} from "../graph/expression.ts";
import type { Node } from "../graph/node.ts";
import type { ConfigReader } from "./config.ts";

/** Which experts a row goes to, and how much each counts: i64 and f32 [rows, chosen]. */
export interface Routes {
  readonly experts: Node;
  readonly weights: Node;
}

/** Softmax over all experts, then the largest; renormalised to a sum of 1 where asked for. */
export function routeBySoftmax(logits: Node, chosen: number, options: { renormalise: boolean }): Routes {
  const probabilities = softmax(logits);
  const experts = topKIndices(probabilities, chosen);
  const weights = gatherElements(probabilities, experts, 1);
  return { experts, weights: options.renormalise ? div(weights, reduceSum(weights, [1])) : weights };
}

/** The largest first, then a softmax over the chosen alone. */
export function routeByChosen(logits: Node, chosen: number): Routes {
  const experts = topKIndices(logits, chosen);
  return { experts, weights: softmax(gatherElements(logits, experts, 1)) };
}

/**
 * Σ over the chosen experts of weight · expert(x). x: [rows, hidden].
 * @param name of the layer, which makes the names of the routed row counts unique
 * @param expert what one expert computes: [n, hidden] → [n, hidden]
 */
export function mixture(
  x: Node,
  routes: Routes,
  count: number,
  name: string,
  expert: (x: Node, index: number) => Node,
): Node {
  let sum = mul(x, 0);
  for (let index = 0; index < count; index++) {
    const chosen = cast(equal(routes.experts, constant(index, [], "i64")), "f32");
    const rows = nonZeroRows(greater(reshape(reduceSum(chosen, [1]), ["rows"]), 0), `rows of ${name} expert ${index}`);
    const weight = gather(reduceSum(mul(chosen, routes.weights), [1]), rows);
    sum = scatterAddRows(sum, rows, mul(expert(gather(x, rows), index), weight));
  }
  return sum;
}

/** Of all layers together, more than any model of the field has: each is a dozen nodes of the graph. */
const expertsMax = 16_384;

/** The number of experts of a layer, under either of the two names in use, and how many a token goes to. */
export function readExperts(
  config: ConfigReader,
  { layers, ...defaults }: { readonly layers: number; readonly experts: number; readonly chosen: number },
): { readonly experts: number; readonly chosen: number } {
  const [local, plain] = ["num_local_experts", "num_experts"] as const;
  const max = Math.floor(expertsMax / layers);
  const experts = config.integer(config.has(local) ? local : plain, defaults.experts, { max });
  if (config.has(local) && config.integer(plain, experts) !== experts) config.refuse(plain, `${local} is ${experts}`);
  config.ignore(local, plain, "output_router_logits", "router_aux_loss_coef", "router_jitter_noise");
  const chosen = config.integer("num_experts_per_tok", defaults.chosen, { max: experts });
  return { experts, chosen };
}

/** Matrix `index` of a stack of them: [experts, a, b] → [a, b]. */
export function expertMatrix(stack: Node, index: number): Node {
  const [, ...shape] = stack.shape;
  return reshape(gather(stack, constant([index], [1], "i64")), shape);
}

/** Which layers are mixtures: every `decoder_sparse_step`-th one, less those of `mlp_only_layers`. */
export function readSparseLayers(config: ConfigReader, layers: number): readonly boolean[] {
  const step = config.integer("decoder_sparse_step", 1);
  const dense = new Set(config.numbers("mlp_only_layers"));
  return Array.from({ length: layers }, (_, index) => !dense.has(index) && (index + 1) % step === 0);
}
