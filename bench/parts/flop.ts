/** What scoring a model must compute, from its graphs: the products that cannot be left out. */
import type { Graph } from "../../src/graph/graph.ts";
import type { Node } from "../../src/graph/node.ts";
import type { Model } from "../../src/model/model.ts";

/**
 * FLOP for a sequence of `tokens` of which `scored` are scored: 2 · P for every token, P the elements of the matrices
 * of the layers; 2 · V · d for every scored one (the head); and causal attention, 2 · S · H · D a token and layer: q·k
 * and p·v cost 2 · H · D each for every key that is seen, half of the sequence in the mean.
 */
export function scoringFlop(model: Model, { tokens, scored }: { tokens: number; scored: number }): number {
  const body = model.body();
  const attention = body.nodes.reduce(
    (sum, { op }) => (op.kind === "Attention" ? sum + op.heads * op.headSize : sum),
    0,
  );
  return 2 * matrixElements(body) * tokens + 2 * matrixElements(model.nll()) * scored + 2 * tokens * attention * tokens;
}

/** Elements of all matrices that every row is multiplied with. */
function matrixElements(graph: Graph): number {
  return graph.nodes
    .filter(({ op }) => op.kind === "Gemm" || op.kind === "MatMul")
    .map(({ inputs }) => inputs[1]!)
    .filter(isParameter)
    .reduce((sum, { shape }) => sum + (shape as readonly number[]).reduce((product, dim) => product * dim), 0);
}

/** A parameter, or rows of one, in its own type or widened. */
function isParameter({ op, inputs }: Node): boolean {
  return op.kind === "Parameter" || ((op.kind === "Cast" || op.kind === "Slice") && isParameter(inputs[0]!));
}
