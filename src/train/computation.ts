/** What computes a run's loss and gradients: the whole objective as one graph, or one layer after the other. */
import { giveBack } from "../base/give-back.ts";
import { createSession, locationOf, type Session, type Tensor } from "../eval/session.ts";
import { createGraph, type Graph, type InputNode } from "../graph/graph.ts";
import { encode } from "../graph/onnx.ts";
import type { ModelFolder } from "../model/folder.ts";
import type { Model } from "../model/model.ts";
import { chooseWidenOfBase } from "./memory.ts";
import { type Forward, gradientPrefix, lossAndGradients, type Method, prepareForward } from "./objective.ts";
import { choosePieces, type Pieces, type RunSize } from "./pieces.ts";
import { cutIntoSegments, type Segments } from "./segments.ts";
import type { Trainable } from "./trainable.ts";

export interface Computation {
  readonly trainables: readonly Trainable[];
  readonly pieces: Pieces;
  /** What `run` must be fed. */
  readonly inputs: readonly InputNode[];
  /** → `loss` [1] and, for every trainable, `gradient.<name>` */
  readonly run: (feeds: Readonly<Record<string, Tensor>>) => Promise<Record<string, Tensor>>;
  readonly close: () => Promise<void>;
}

export interface ComputationOptions {
  readonly method: Method;
  /**
   * Keeps of a forward pass what lies between the layers alone, and computes each layer a second time when its gradients
   * are due: a third more work, and the activations of one layer instead of all.
   */
  readonly recompute: boolean;
  /** What the pieces are chosen for: a longer run is computed as well, in larger ones. */
  readonly size: RunSize;
  readonly threads?: number;
}

export async function createComputation(
  folder: ModelFolder,
  model: Model,
  { method, recompute, size, threads }: ComputationOptions,
): Promise<Computation> {
  const forward = prepareForward(model, method, choosePieces(size, model.vocabulary));
  // Where layers are computed twice memory is short, and the runtime gives back what it has used.
  const widen = !recompute && method.kind === "lora" ? chooseWidenOfBase(model) : "run";
  const open = (graph: Graph) => openSession(folder, graph, { widen, keepMemory: !recompute, threads });
  return recompute ? await byLayers(forward, cutIntoSegments(forward), open) : await atOnce(forward, open);
}

function openSession(
  folder: ModelFolder,
  graph: Graph,
  { threads, ...options }: { widen: "load" | "run"; keepMemory: boolean; threads: number | undefined },
): Promise<Session> {
  const bytes = encode(graph, (name) => {
    const { file, offsetBytes, lengthBytes } = folder.tensors.get(name)!;
    return { location: locationOf(file), offset: offsetBytes, length: lengthBytes };
  });
  return createSession(bytes, { ...options, ...(threads === undefined ? {} : { threads }) });
}

async function atOnce(
  { outputs, trained, trainables, pieces }: Forward,
  open: (graph: Graph) => Promise<Session>,
): Promise<Computation> {
  const [hidden, logits] = [outputs.hidden!, outputs.logits!];
  const graph = createGraph(lossAndGradients({ hidden, logits, pieces }, trained));
  const session = await open(graph);
  return { trainables, pieces, inputs: graph.inputs, run: session.run, close: session.close };
}

interface Part {
  readonly graph: Graph;
  readonly session: Session;
}

/** Forward through all segments, then the head with the loss, then every segment again with its gradients, last first. */
async function byLayers(
  { trainables, pieces }: Forward,
  segments: Segments,
  open: (graph: Graph) => Promise<Session>,
): Promise<Computation> {
  const sessions: Session[] = [];
  const part = async (graph: Graph): Promise<Part> => {
    const session = await open(graph);
    sessions.push(session);
    return { graph, session };
  };
  const close = async () => {
    for (const session of sessions) await session.close();
  };
  try {
    const forward: Part[] = [];
    for (const graph of segments.forward) forward.push(await part(graph));
    const head = await part(segments.head);
    const backward: Part[] = [];
    for (const graph of segments.backward) backward.push(await part(graph));
    const inner = new Set(segments.boundaryNames.flatMap((name) => [name, gradientPrefix + name]));
    const inputs = new Map(
      [...forward, head, ...backward]
        .flatMap(({ graph }) => graph.inputs)
        .filter(({ op }) => !inner.has(op.name))
        .map((node) => [node.op.name, node]),
    );
    const run = (feeds: Readonly<Record<string, Tensor>>) => runParts({ forward, head, backward }, feeds);
    return { trainables, pieces, inputs: [...inputs.values()], run, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function runParts(
  parts: { readonly forward: readonly Part[]; readonly head: Part; readonly backward: readonly Part[] },
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const known = new Map(Object.entries(feeds));
  const runOne = async ({ graph, session }: Part) => {
    const given = Object.fromEntries(graph.inputs.map(({ op: { name } }) => [name, known.get(name)!]));
    for (const [name, tensor] of Object.entries(await session.run(given))) keep(known, name, tensor);
  };
  for (const part of parts.forward) await runOne(part);
  for (const part of [parts.head, ...parts.backward]) {
    await runOne(part);
    // What a segment has used up would otherwise stay until the last one is done.
    for (const name of part.graph.inputs.map(({ op }) => op.name).filter((name) => !(name in feeds)))
      if (!stillRead(parts.backward, part, name)) known.delete(name);
  }
  return Object.fromEntries(known);
}

/** A gradient has as many parts as there are segments that the tensor goes into. */
function keep(known: Map<string, Tensor>, name: string, tensor: Tensor): void {
  const sum = known.get(name);
  if (sum === undefined || !name.startsWith(gradientPrefix)) {
    known.set(name, tensor);
    return;
  }
  addAndGiveBack(sum.data as Float32Array, tensor.data as Float32Array);
}

/** Adds a part of a gradient to what is known, after which the part is no more. */
export function addAndGiveBack(sum: Float32Array, part: Float32Array): void {
  for (let index = 0; index < sum.length; index++) sum[index] = sum[index]! + part[index]!;
  giveBack(part);
}

function stillRead(backward: readonly Part[], done: Part, name: string): boolean {
  return backward
    .slice(backward.indexOf(done) + 1)
    .some(({ graph }) => graph.inputs.some(({ op }) => op.name === name));
}
