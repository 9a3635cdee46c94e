/**
 * What a training keeps in memory: decided by the memory that the machine has, not by what is free at the moment, since a
 * training that goes on after an interruption must compute as it did before, to the last bit.
 */
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { createGraph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import type { Dim } from "../graph/op.ts";
import type { Model } from "../model/model.ts";
import { lossAndGradients, type Method, prepareForward } from "./objective.ts";
import { choosePieces, pieceSizes, type RunSize } from "./pieces.ts";

/**
 * Of the memory that there is: the rest holds parameters, gradients, and everything else that runs here; and what the
 * runtime has taken once it keeps, which is up to half as much again.
 */
const partOfMemory = 0.4;

/** Whether the activations of all layers fit into this machine: else layers are better computed twice. */
export function chooseRecompute(
  model: Model,
  method: Method,
  size: RunSize,
): { readonly recompute: boolean; readonly activationBytes: number; readonly memoryBytes: number } {
  const activationBytes = estimateActivationBytes(model, method, size);
  const memoryBytes = memoryOfMachine();
  return { recompute: activationBytes > partOfMemory * memoryBytes, activationBytes, memoryBytes };
}

/** Of the memory that there is, what a base may take that is widened once instead of in every step. */
const partForBase = 0.25;

/** The same base is read as it is and transposed, and laid out for both. */
export function chooseWidenOfBase({ parameters }: Pick<Model, "parameters">): "load" | "run" {
  return 2 * 4 * parameters <= partForBase * memoryOfMachine() ? "load" : "run";
}

/** Bytes of every result of the forward graph that the gradients read again. A reshaped tensor is the same memory. */
export function estimateActivationBytes(model: Model, method: Method, { batch, tokens }: RunSize): number {
  const pieces = choosePieces({ batch, tokens }, model.vocabulary);
  const { outputs, trained } = prepareForward(model, method, pieces);
  const [hidden, logits] = [outputs.hidden!, outputs.logits!];
  const forward = new Set(createGraph({ hidden }).nodes);
  const whole = createGraph(lossAndGradients({ hidden, logits, pieces }, trained));
  const kept = new Set<Node>();
  for (const node of whole.nodes)
    if (!forward.has(node)) for (const input of node.inputs) if (forward.has(input)) kept.add(memoryOf(input));
  const sizes: Readonly<Record<string, number>> = { batch, tokens, ...pieceSizes(pieces, tokens) };
  const known = (name: string) => (/^\d+$/.test(name) ? Number(name) : (sizes[name] ?? batch * tokens));
  const sideOf = (side: Dim) =>
    typeof side === "number" ? side : side.split("*").reduce((size, name) => size * known(name), 1);
  let bytes = 0;
  for (const { op, shape } of kept)
    if (op.kind !== "Input" && op.kind !== "Parameter" && op.kind !== "Constant")
      bytes += 4 * shape.reduce((size: number, side) => size * sideOf(side), 1);
  return bytes;
}

function memoryOf(node: Node): Node {
  return node.op.kind === "Reshape" ? memoryOf(node.inputs[0]!) : node;
}

/** The container's limit counts where there is one. */
function memoryOfMachine(): number {
  try {
    const limit = Number(readFileSync("/sys/fs/cgroup/memory.max", "utf8"));
    return Number.isFinite(limit) ? Math.min(limit, totalmem()) : totalmem();
  } catch {
    return totalmem();
  }
}
