/** The parts that architectures share. Each reads its parameters by the name that transformers gives them on disk. */
import {
  add,
  cast,
  constant,
  div,
  gather,
  gelu,
  gemm,
  layerNorm as layerNormNode,
  max,
  min,
  mul,
  relu,
  reshape,
  rmsNorm as rmsNormNode,
  sigmoid,
  silu,
  slice,
  tanh,
} from "../graph/expression.ts";
import type { Node } from "../graph/node.ts";
import type { Builder } from "./builder.ts";
import type { ConfigReader } from "./config.ts";

/** x · Wᵀ [+ b]; `name.weight` is [out, in] as torch's Linear stores it. x: [rows, in] → [rows, out]. */
export function linear(b: Builder, x: Node, name: string, out: number, options: { bias?: boolean } = {}): Node {
  const weight = b.parameter(`${name}.weight`, [out, widthOf(x)]);
  return options.bias
    ? gemm(x, weight, { transB: true, bias: b.parameter(`${name}.bias`, [out]) })
    : gemm(x, weight, { transB: true });
}

/** Rows of a table for the chunk's tokens: [rows, size]. */
export function embedding(b: Builder, name: string, vocabulary: number, size: number): Node {
  return b.rows(cast(gather(b.stored(`${name}.weight`, [vocabulary, size]), b.ids), "f32"));
}

/** A learned embedding of positions, added by broadcasting over the batch: [rows, size] → [rows, size]. */
export function addPositions(b: Builder, x: Node, name: string, table: { rows: number; offset: number }): Node {
  const size = widthOf(x);
  const indices = table.offset === 0 ? b.positions : add(b.positions, constant([table.offset], [1], "i64"));
  const positions = cast(gather(b.stored(`${name}.weight`, [table.rows, size]), indices), "f32");
  return b.rows(add(b.sequences(x), positions));
}

/** RMSNorm with `name.weight`; `unit` says that the file holds the weight − 1 (Gemma). */
export function rmsNorm(b: Builder, x: Node, name: string, options: { epsilon: number; unit?: boolean }): Node {
  const stored = b.parameter(`${name}.weight`, [widthOf(x)]);
  return rmsNormNode(x, options.unit ? add(stored, 1) : stored, options.epsilon);
}

/** LayerNorm with `name.weight` and, unless told otherwise, `name.bias`. */
export function layerNorm(
  b: Builder,
  x: Node,
  name: string,
  options: { epsilon: number; bias?: boolean; unit?: boolean },
): Node {
  const size = [widthOf(x)];
  const stored = b.parameter(`${name}.weight`, size);
  const bias = options.bias === false ? undefined : b.parameter(`${name}.bias`, size);
  return layerNormNode(x, options.unit ? add(stored, 1) : stored, bias, options.epsilon);
}

/** LayerNorm without parameters of its own. */
export function plainLayerNorm(x: Node, epsilon: number): Node {
  const size = widthOf(x);
  return layerNormNode(x, constant(new Array<number>(size).fill(1), [size]), undefined, epsilon);
}

/** Every value brought between −limit and limit. */
export function clip(x: Node, limit: number): Node {
  return max(min(x, limit), -limit);
}

/** x · W + b with `name.weight` [in, out], as GPT-2 stores its matrices. */
export function conv1d(b: Builder, x: Node, name: string, out: number): Node {
  return gemm(x, b.parameter(`${name}.weight`, [widthOf(x), out]), { bias: b.parameter(`${name}.bias`, [out]) });
}

/** `gate_up_proj` in one matrix, gate first: down(act(gate) · up). */
export function fusedGatedMlp(
  b: Builder,
  x: Node,
  name: string,
  { size, activation }: { size: number; activation: Activation },
): Node {
  const [gate, up] = split(linear(b, x, `${name}.gate_up_proj`, 2 * size), size, size);
  return linear(b, mul(activation(gate), up), `${name}.down_proj`, widthOf(x));
}

/** Applies a norm to every head on its own: [rows, heads · size] seen as [rows, heads, size]. */
export function perHead(x: Node, heads: number, norm: (x: Node) => Node): Node {
  const width = widthOf(x);
  return reshape(norm(reshape(x, ["rows", heads, width / heads])), ["rows", width]);
}

export type Activation = (x: Node) => Node;

/** By the names of transformers. Several names are one function. */
export const activations: Readonly<Record<string, Activation>> = {
  gelu: (x) => gelu(x, false),
  gelu_python: (x) => gelu(x, false),
  gelu_new: (x) => gelu(x, true),
  gelu_fast: (x) => gelu(x, true),
  gelu_accurate: (x) => gelu(x, true),
  gelu_pytorch_tanh: (x) => gelu(x, true),
  gelu_python_tanh: (x) => gelu(x, true),
  quick_gelu: (x) => silu(x, 1.702),
  silu: (x) => silu(x),
  swish: (x) => silu(x),
  relu: (x) => relu(x),
  relu2: (x) => mul(relu(x), relu(x)),
  sigmoid: (x) => sigmoid(x),
  tanh: (x) => tanh(x),
  linear: (x) => x,
};

/** down(act(gate x) · up x): the gated MLP of Llama and most since. */
export function gatedMlp(
  b: Builder,
  x: Node,
  name: string,
  options: { size: number; activation: Activation; bias?: boolean },
): Node {
  const { size, activation, bias = false } = options;
  const gate = activation(linear(b, x, `${name}.gate_proj`, size, { bias }));
  const up = linear(b, x, `${name}.up_proj`, size, { bias });
  return linear(b, mul(gate, up), `${name}.down_proj`, widthOf(x), { bias });
}

/** down(act(up x)): the MLP of two matrices. */
export function mlp(
  b: Builder,
  x: Node,
  names: { up: string; down: string },
  options: { size: number; activation: Activation; bias: boolean },
): Node {
  const hidden = options.activation(linear(b, x, names.up, options.size, options));
  return linear(b, hidden, names.down, widthOf(x), options);
}

/** Consecutive pieces of the last axis: [rows, a + b + c] → [rows, a], [rows, b], [rows, c]. */
export function split<const S extends readonly number[]>(x: Node, ...sizes: S): { readonly [K in keyof S]: Node } {
  const axis = x.shape.length - 1;
  let start = 0;
  const pieces = sizes.map((size) => slice(x, axis, start, (start += size)));
  return pieces as { [K in keyof S]: Node };
}

/** cap · tanh(x / cap) */
export function softcap(x: Node, cap: number): Node {
  return cap === 0 ? x : mul(tanh(div(x, cap)), cap);
}

/**
 * The head: logits [rows, vocabulary] by `lm_head`, or by the embedding where the two are one matrix. A stored lm_head
 * is used even where the config says tied, which is what transformers does when the two differ.
 */
export function head(
  b: Builder,
  hidden: Node,
  options: { vocabulary: number; tied: boolean; embedding: string; name?: string; bias?: boolean },
): Node {
  const { vocabulary, tied, name = "lm_head", bias = false } = options;
  const shared = tied && !b.has(`${name}.weight`);
  const weight = b.parameter(`${shared ? options.embedding : name}.weight`, [vocabulary, widthOf(hidden)]);
  return bias
    ? gemm(hidden, weight, { transB: true, bias: b.parameter(`${name}.bias`, [vocabulary]) })
    : gemm(hidden, weight, { transB: true });
}

/** `total` / `by`, a size of heads that the config leaves to be computed; `what` names it where it is not whole. */
export function divide(config: ConfigReader, total: number, by: number, what: string): number {
  if (total % by !== 0) config.contradict(`${what}: ${total} is no multiple of ${by}`);
  return total / by;
}

export function widthOf(x: Node): number {
  return x.shape.at(-1) as number;
}

/** x + attend(norm x), then that + feed(norm of that): the layer of Llama and most since. */
export function preNormLayer(
  x: Node,
  parts: {
    readonly norms: readonly [(x: Node) => Node, (x: Node) => Node];
    readonly attend: (x: Node) => Node;
    readonly feed: (x: Node) => Node;
  },
): Node {
  const attended = add(x, parts.attend(parts.norms[0](x)));
  return add(attended, parts.feed(parts.norms[1](attended)));
}
