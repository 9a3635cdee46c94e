/**
 * The training graph cut between its layers. A segment reads what the layers before it gave as inputs, so that it can be
 * run, and its gradients taken, without them. Every segment's gradients are partial: with respect to the boundaries and
 * the trained tensors that it reads itself; their sums over all segments are the whole graph's gradients (the chain
 * rule), also where a tensor is used by several segments or a layer reads more than the one before it.
 */
import { input } from "../graph/expression.ts";
import { propagate } from "../graph/gradient.ts";
import { createGraph, type Graph, type InputNode, map } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import { boundaryPrefix } from "../model/model.ts";
import { type Forward, gradientPrefix, lossAndGradients } from "./objective.ts";

export interface Segments {
  readonly boundaryNames: readonly string[];
  /** In order: the first gives `boundary.0` from the ids, the others each the next boundary. */
  readonly forward: readonly Graph[];
  /** From the last boundary to the loss; its gradients with respect to the boundaries and trained tensors that it reads. */
  readonly head: Graph;
  /**
   * Last first: each computes its segment again and takes its gradients, from `gradient.boundary.N` of what it gave. A
   * segment below which nothing is trained has none.
   */
  readonly backward: readonly Graph[];
}

export function cutIntoSegments({ outputs, trained, pieces }: Forward): Segments {
  const boundaries = Object.keys(outputs)
    .filter((name) => name.startsWith(boundaryPrefix))
    .map((name) => outputs[name]!);
  const boundaryNames = boundaries.map((_, index) => `${boundaryPrefix}${index}`);
  const learns = boundaries.map((node) => reaches(node, trained));
  const sized = (results: Readonly<Record<string, Node>>) => withSizes(createGraph(results), outputs);

  /** The results with what the first `count` boundaries give as inputs. */
  const cut = (results: Readonly<Record<string, Node>>, count: number) => {
    const inputs = boundaryNames
      .slice(0, count)
      .map((name, index) => input(name, "f32", boundaries[index]!.shape) as InputNode);
    const graph = map(createGraph(results), (node) => inputs[boundaries.indexOf(node)]);
    const read = new Set<Node>(graph.nodes);
    const targets = [...inputs.filter((_, index) => learns[index]), ...trained].filter((node) => read.has(node));
    return { outputs: graph.outputs, targets };
  };

  const forward = boundaries.map((node, index) => {
    const name = boundaryNames[index]!;
    return sized({ [name]: cut({ [name]: node }, index).outputs[name]! });
  });
  const last = cut({ hidden: outputs.hidden!, logits: outputs.logits! }, boundaries.length);
  const { hidden, logits } = last.outputs as { hidden: Node; logits: Node };
  const head = sized(lossAndGradients({ hidden, logits, pieces }, last.targets));
  const backward = boundaries.flatMap((node, index) => {
    const { outputs: results, targets } = cut({ result: node }, index);
    if (targets.length === 0) return [];
    const result = results.result!;
    const gradient = input(gradientPrefix + boundaryNames[index]!, "f32", result.shape);
    const gradients = propagate(result, gradient, targets);
    return [
      sized(Object.fromEntries(targets.map((target) => [gradientPrefix + target.op.name, gradients.get(target)!]))),
    ];
  });
  return { boundaryNames, forward, head, backward: backward.toReversed() };
}

function reaches(node: Node, leaves: readonly Node[]): boolean {
  return createGraph({ node }).nodes.some((each) => leaves.includes(each));
}

/** A segment may ask for the sizes of inputs that it does not read. */
function withSizes(graph: Graph, outputs: Readonly<Record<string, Node>>): Graph {
  const names = new Set(graph.inputs.map(({ op }) => op.name));
  const ids = createGraph(outputs).inputs.filter(({ op }) => op.name === "ids");
  const rows = input("targets", "i64", ["rows"]) as InputNode;
  return { ...graph, inputs: [...graph.inputs, ...[...ids, rows].filter(({ op }) => !names.has(op.name))] };
}
