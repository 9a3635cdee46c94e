/**
 * The graph that everything runs: an expression over inputs and parameters, immutable and pure.
 *
 *     const x = input("x", "f32", ["rows", 64]);
 *     const graph = createGraph({ y: linear(x, parameter("w", "bf16", [32, 64])) });
 *     const bytes = encode(graph, (name) => whereInTheFile(name));        // ONNX, for onnxruntime
 *
 * Nodes (node.ts) are made by the functions of expression.ts and know their type and shape from the start. A graph adds
 * only names for its results and the order of evaluation; what no output needs is not in it.
 *
 * To run a model: build with composites (Attention, Rotary, RmsNorm, LayerNorm, Gelu, Silu: see op.ts) and encode; each
 * becomes one fast kernel of onnxruntime. To train one: `decompose(graph)` first, which rewrites every composite into
 * primitives and leaves all other nodes as they are, so a gradient needs one rule a primitive. What a gradient is taken
 * of, is the node after a parameter's `Cast` to f32; `Parameter`, `Input`, `Constant`, `Iota`, comparisons,
 * `TopKIndices` and `NonZeroRows` have none. `map` rebuilds a graph with some nodes replaced (an adapter beside a
 * weight, say). Gradients are more nodes: `createGraph({ loss, dw: gradients.get(w) })`.
 */
import { createNode, type Node } from "./node.ts";
import type { OpOf } from "./op.ts";

export type InputNode = Node & { readonly op: OpOf<"Input"> };
export type ParameterNode = Node & { readonly op: OpOf<"Parameter"> };

export interface Graph {
  readonly outputs: Readonly<Record<string, Node>>;
  /** Every node that an output needs, each after the nodes that it reads. */
  readonly nodes: readonly Node[];
  readonly inputs: readonly InputNode[];
  readonly parameters: readonly ParameterNode[];
}

export function createGraph(outputs: Readonly<Record<string, Node>>): Graph {
  const nodes = inOrder(Object.values(outputs));
  return {
    outputs,
    nodes,
    inputs: nodes.filter((node): node is InputNode => node.op.kind === "Input"),
    parameters: nodes.filter((node): node is ParameterNode => node.op.kind === "Parameter"),
  };
}

/**
 * Rebuilds a graph from its leaves up. `replace` is called once for every node, with its inputs already rebuilt, and
 * returns the node to put in its place, or undefined to keep the operation. Nodes with unchanged inputs stay the same.
 */
export function map(graph: Graph, replace: (node: Node, inputs: readonly Node[]) => Node | undefined): Graph {
  const rebuilt = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => rebuilt.get(input)!);
    const unchanged = inputs.every((input, index) => input === node.inputs[index]);
    rebuilt.set(node, replace(node, inputs) ?? (unchanged ? node : createNode(node.op, inputs)));
  }
  return createGraph(
    Object.fromEntries(Object.entries(graph.outputs).map(([name, node]) => [name, rebuilt.get(node)!])),
  );
}

/** Depth first without recursion: a graph of a hundred layers is deeper than the stack is for. */
function inOrder(outputs: readonly Node[]): Node[] {
  const order: Node[] = [];
  const done = new Set<Node>();
  const stack = outputs.toReversed().map((node) => ({ node, next: 0 }));
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    if (done.has(top.node)) stack.pop();
    else if (top.next < top.node.inputs.length) stack.push({ node: top.node.inputs[top.next++]!, next: 0 });
    else {
      done.add(top.node);
      order.push(top.node);
      stack.pop();
    }
  }
  return order;
}
