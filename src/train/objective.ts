/**
 * What training minimises, as one graph: the loss of a batch and its gradient with respect to everything that is
 * trained. Trained tensors are inputs of the graph, so that a step changes them without a new session; everything else
 * stays in the model's files.
 */

import { differentiableComposites } from "../graph/composite-gradient.ts";
import { decompose } from "../graph/decompose.ts";
import {
  add,
  concat,
  constant,
  div,
  exp,
  gather,
  gatherElements,
  gemm,
  input,
  iota,
  log,
  mul,
  neg,
  reduceMax,
  reduceSum,
  reshape,
  scatterAddElements,
  scatterAddRows,
  slice,
  sub,
} from "../graph/expression.ts";
import { accumulate, propagate } from "../graph/gradient.ts";
import { createGraph, type Graph, type InputNode, map } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import type { OpOf } from "../graph/op.ts";
import type { Model } from "../model/model.ts";
import type { LoraOptions } from "./lora.ts";
import { isTarget, loraNames, loraScale } from "./lora.ts";
import { headChunks, type Pieces, queryBlocks, whole } from "./pieces.ts";
import type { Trainable } from "./trainable.ts";

export type Method = { readonly kind: "full" } | ({ readonly kind: "lora" } & LoraOptions);

export const gradientPrefix = "gradient.";
/** Of the inputs [rows + adapters, width] that dropout needs. */
export const dropoutPrefix = "dropout.";

export interface Forward {
  /** `hidden`, `logits` and the boundaries of `Model.training`, in operations that have derivatives. */
  readonly outputs: Readonly<Record<string, Node>>;
  /** The inputs that the trainables are, in their order. */
  readonly trained: readonly InputNode[];
  readonly trainables: readonly Trainable[];
  readonly pieces: Pieces;
}

/** The model with its trained tensors as inputs. */
export function prepareForward(model: Model, method: Method, pieces: Pieces = whole): Forward {
  const forward = model.training();
  const { graph, trainables } = method.kind === "full" ? freeParameters(forward) : adaptLinears(forward, method);
  const { outputs } = decompose(graph, { kept: differentiableComposites, blocks: queryBlocks(pieces) });
  const leaves = new Map(createGraph(outputs).inputs.map((node) => [node.op.name, node]));
  return { outputs, trained: trainables.map(({ name }) => leaves.get(name)!), trainables, pieces };
}

/**
 * `loss` [1], the weighted sum of the rows' NLL in nats, and for every target `gradient.<name>`. Inputs beside the targets:
 * `ids` i64 [batch, tokens], right-padded; `targets` i64 [rows], the token after each; `weights` f32 [rows], 0 where a row
 * does not count; those of the pieces; the model's rotary tables. Throws an assertion that names the operation when the
 * architecture uses one that has no derivative.
 */
export function lossAndGradients(
  { hidden, logits, pieces }: { readonly hidden: Node; readonly logits: Node; readonly pieces: Pieces },
  targets: readonly InputNode[],
): Record<string, Node> {
  const head = lossByChunks(hidden, logits, { chunks: headChunks(pieces), trained: targets });
  const gradients = propagate(hidden, head.hiddenGradient, targets);
  const results = targets.map((node) => {
    return [`${gradientPrefix}${node.op.name}`, accumulate(head.gradients.get(node), gradients.get(node)!)] as const;
  });
  return { ...Object.fromEntries(results), loss: head.loss };
}

interface Prepared {
  readonly graph: Graph;
  readonly trainables: readonly Trainable[];
}

interface Head {
  readonly loss: Node;
  readonly hiddenGradient: Node;
  /** Of the trained nodes that the head uses. */
  readonly gradients: ReadonlyMap<Node, Node>;
}

/**
 * The loss and its gradients down to the hidden states, a few rows after the other: tensors of [rows, vocabulary] are the
 * largest of all, and so only one chunk's exist at a time.
 */
function lossByChunks(
  hidden: Node,
  logits: Node,
  { chunks, trained }: { readonly chunks: readonly Node[]; readonly trained: readonly Node[] },
): Head {
  const graph = createGraph({ logits });
  const alone = map(graph, (node) => (node === hidden ? input("hidden", "f32", hidden.shape) : undefined));
  const reached = new Set(alone.nodes.filter((node) => trained.includes(node)));
  const targets = reshape(input("targets", "i64", ["rows"]), ["rows", 1]);
  const weights = reshape(input("weights", "f32", ["rows"]), ["rows", 1]);
  let [loss, hiddenGradient]: [Node, Node] = [constant([0], [1, 1]), mul(hidden, 0)];
  let gradients = new Map<Node, Node>();
  let source = hidden;
  for (const rows of chunks) {
    const states = gather(source, rows);
    const { outputs } = map(graph, (node) => (node === hidden ? states : undefined));
    const part = weightedNll(outputs.logits!, gather(targets, rows), gather(weights, rows));
    const parts = propagate(outputs.logits!, part.gradient, [states, ...trained]);
    loss = add(loss, part.loss);
    hiddenGradient = scatterAddRows(hiddenGradient, rows, parts.get(states)!);
    gradients = new Map([...reached].map((node) => [node, accumulate(gradients.get(node), parts.get(node)!)]));
    // Adds zero, so that the runtime cannot begin a chunk before it is done with the one before.
    source = add(hidden, mul(reduceSum(add(hiddenGradient, loss), [0, 1]), 0));
  }
  return { loss: reshape(loss, [1]), hiddenGradient, gradients };
}

/**
 * Σ weight · (log Σ exp logits − logit of the target), and its gradient (softmax − one-hot of the target) · weight, which
 * is written out: by rules it would be several times as many tensors.
 */
function weightedNll(logits: Node, targets: Node, weights: Node): { readonly loss: Node; readonly gradient: Node } {
  const largest = reduceMax(logits, [1]);
  const powers = exp(sub(logits, largest));
  const sum = reduceSum(powers, [1]);
  // −log of the softmax loses the digits of a likely token: log Σ exp does not.
  const nll = sub(log(sum), sub(gatherElements(logits, targets, 1), largest));
  const gradient = scatterAddElements(mul(powers, div(weights, sum)), targets, neg(weights), 1);
  return { loss: reduceSum(mul(nll, weights), [0]), gradient };
}

/** Every parameter becomes an f32 input. A matrix that serves twice is one input, whose gradient has both uses. */
function freeParameters(graph: Graph): Prepared {
  const trainables = graph.parameters.map(({ op: { name, shape } }) => ({ name, shape }));
  const freed = map(graph, ({ op }) => (op.kind === "Parameter" ? input(op.name, "f32", op.shape) : undefined));
  return { graph: freed, trainables };
}

interface Adapter {
  readonly linear: Node;
  /** Which it is among all. */
  readonly index: number;
  readonly a: Trainable;
  readonly b: Trainable;
}

/** y = x·Wᵀ becomes x·Wᵀ + scale · (x·Aᵀ)·Bᵀ for the linears of the body that are targets (Hu et al. 2021). */
function adaptLinears(graph: Graph, options: LoraOptions): Prepared {
  const adapters = findAdapters(graph, options);
  const narrow = options.dropout === 0 ? multiplyTogether([...adapters.values()], options) : multiplyApart(options);
  const adapted = map(graph, (node, inputs) => {
    const adapter = adapters.get(node);
    if (adapter === undefined) return undefined;
    const [x, weight, bias] = inputs as [Node, Node, Node | undefined];
    const { transA, transB } = node.op as OpOf<"Gemm">;
    const base = gemm(x, weight, { transA, transB, ...(bias === undefined ? {} : { bias }) });
    // The second product adds itself to the base's.
    return gemm(narrow(adapter, x), leafOf(adapter.b), { transB: true, bias: base });
  });
  return { graph: adapted, trainables: [...adapters.values()].flatMap(({ a, b }) => [a, b]) };
}

function findAdapters(graph: Graph, { rank, targets }: LoraOptions): ReadonlyMap<Node, Adapter> {
  const body = new Set(createGraph({ hidden: graph.outputs.hidden! }).nodes);
  const adapters = new Map<Node, Adapter>();
  for (const linear of graph.nodes) {
    const name = linearName(linear);
    if (name === undefined || !body.has(linear) || !isTarget(name, targets)) continue;
    const [width, out] = [linear.inputs[0]!.shape.at(-1) as number, linear.shape.at(-1) as number];
    const names = loraNames(name);
    const [a, b] = [
      { name: names.a, shape: [rank, width] },
      { name: names.b, shape: [out, rank] },
    ];
    adapters.set(linear, { linear, index: adapters.size, a, b });
  }
  return adapters;
}

/** scale · x·Aᵀ [rows, rank] of an adapter, scaled where it is narrow. */
type Narrow = (adapter: Adapter, x: Node) => Node;

/** The adapters that read the same x are rows of one product, and so they are in the gradients. */
function multiplyTogether(adapters: readonly Adapter[], options: LoraOptions): Narrow {
  const groups = Map.groupBy(adapters, ({ linear }) => sourceOf(linear));
  const products = new Map<Node, Node>();
  return (adapter, x) => {
    const source = sourceOf(adapter.linear);
    const group = groups.get(source)!;
    const factors = group.map(({ a }) => leafOf(a));
    const factor = factors.length === 1 ? factors[0]! : concat(factors, 0);
    const product = products.get(source) ?? mul(gemm(x, factor, { transB: true }), loraScale(options));
    products.set(source, product);
    const start = group.indexOf(adapter) * options.rank;
    return factors.length === 1 ? product : slice(product, 1, start, start + options.rank);
  };
}

/** Of each adapter's input other numbers are dropped. */
function multiplyApart(options: LoraOptions): Narrow {
  const tables = new Map<number, Node>();
  return ({ index, a }, x) => {
    const seen = mul(x, keptPart(tables, a.shape[1]!, index));
    return mul(gemm(seen, leafOf(a), { transB: true }), loraScale(options));
  };
}

function leafOf({ name, shape }: Trainable): Node {
  return input(name, "f32", shape);
}

/** What a linear reads, before its tokens become the rows of a matrix: every linear reads a matrix of its own. */
function sourceOf({ inputs: [x] }: Node): Node {
  const whole = x!.op.kind === "Reshape" ? x!.inputs[0]! : x!;
  return whole.shape.at(-1) === x!.shape.at(-1) ? whole : x!;
}

/**
 * What an adapter's input is multiplied with for dropout: 0 or 1 / (1 − p), drawn outside. One table serves all adapters
 * of a width, each from another row on, so that no two see the same rows and a step draws little.
 */
function keptPart(tables: Map<number, Node>, width: number, adapter: number): Node {
  const table = tables.get(width) ?? input(`${dropoutPrefix}${width}`, "f32", ["dropoutRows", width]);
  tables.set(width, table);
  return gather(table, add(iota("rows"), constant([adapter], [1], "i64")));
}

/** The module's name of a product with a stored matrix, `model.layers.0.self_attn.q_proj`. */
function linearName({ op, inputs }: Node): string | undefined {
  if (op.kind !== "Gemm" || op.transA) return undefined;
  const weight = inputs[1]!.op.kind === "Cast" ? inputs[1]!.inputs[0]! : inputs[1]!;
  return weight.op.kind === "Parameter" && weight.op.name.endsWith(".weight")
    ? weight.op.name.slice(0, -".weight".length)
    : undefined;
}
