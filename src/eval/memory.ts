/** Where a model's parameters are widened to f32: beforehand in memory, or out of the mapped file as they are needed. */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import type { Graph } from "../graph/graph.ts";
import type { Shape } from "../graph/op.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Model } from "../model/model.ts";

/** Activations and logits of a long sequence, and the program itself. */
const overheadBytes = 600 * 2 ** 20;
/** Four bytes a parameter, and for a while a second copy of what is being laid out. */
const partOfParameters = 1.6;
/** The rest stays with everything else that runs here, such as the validator and its file pages. */
const partOfAvailable = 0.6;

export interface MemoryOptions {
  /** Anonymous memory that may be planned with; what the machine has available when absent. */
  readonly memoryBytesMax?: number | undefined;
}

/**
 * `load` where the widened parameters fit into the memory: laid out once, matrices are never widened again. `run`
 * otherwise: it needs memory for the widest matrices only. What fits is decided at the time of the call.
 */
export function chooseWiden({ parameters }: Pick<Model, "parameters">, options: MemoryOptions = {}): "load" | "run" {
  const bytes = partOfParameters * 4 * parameters + overheadBytes;
  return bytes <= budgetBytes(options) ? "load" : "run";
}

/** How many tokens of a sequence one run of the body takes, when so many stand before them. */
export type ChunkLength = (offsetTokens: number) => number;

/**
 * Where parameters are widened beforehand, few tokens are best: their activations stay in the processor's cache. Where
 * they are widened in every run, twice as many make that half as dear; a model so large that even the activations do
 * not fit has fewer. Attention that holds its scores has fewer the longer the sequence has become.
 */
export function chooseChunks(widen: "load" | "run", body: Graph, options: MemoryOptions = {}): ChunkLength {
  const most = widen === "load" ? 1024 : longestChunk(body, options);
  const heads = headsOfHeldScores(body);
  return (offsetTokens) => {
    let tokens = most;
    while (tokens > 64 && 4 * heads * tokens * (offsetTokens + tokens) > scoresBytesMax) tokens /= 2;
    return tokens;
  };
}

const scoresBytesMax = 256 * 2 ** 20;

/**
 * What the keys and values of sequences that are continued together may take. Not of what is free at the moment: which
 * sequences go together must not depend on that.
 */
export function chooseCacheBytes({ memoryBytesMax = Infinity }: MemoryOptions = {}): number {
  return Math.min(2 ** 30, memoryBytesMax / 8);
}

function longestChunk(body: Graph, options: MemoryOptions): number {
  const room = budgetBytes(options) - overheadBytes - 2 * largestWidenedBytes(body);
  let tokens = 2048;
  while (tokens > 256 && tokens * activationBytesPerToken(body) > room) tokens /= 2;
  return tokens;
}

/** The kernel goes through the keys piece by piece; but where scores are capped or added to, it makes them all first. */
function headsOfHeldScores({ nodes }: Graph): number {
  const held = nodes.map(({ op }) =>
    op.kind === "Attention" && (op.softcap !== 0 || op.bias || op.sinks) ? op.heads : 0,
  );
  return Math.max(0, ...held);
}

/** Four values of the widest layer are there at a time, and all results until the end; pieces of other sizes in between. */
function activationBytesPerToken({ nodes, outputs }: Graph): number {
  const widths = nodes.filter(({ shape }) => shape[0] === "rows").map(({ shape }) => elements(shape.slice(1)));
  const results = Object.values(outputs).reduce((sum, { shape }) => sum + elements(shape.slice(-1)), 0);
  return 1.5 * 4 * (4 * widths.reduce((most, width) => Math.max(most, width), 0) + results);
}

function largestWidenedBytes({ nodes }: Graph): number {
  const widened = nodes.filter(({ op, dtype }) => op.kind === "Cast" && dtype === "f32");
  return 4 * widened.reduce((most, { shape }) => Math.max(most, elements(shape)), 0);
}

function elements(shape: Shape): number {
  return sizeOf(shape) ?? 0;
}

function budgetBytes({ memoryBytesMax = Infinity }: MemoryOptions): number {
  return Math.min(memoryBytesMax, partOfAvailable * availableBytes());
}

/** What can be allocated without swapping. The kernel's own estimate counts file pages that can be given up. */
function availableBytes(): number {
  if (process.platform !== "linux") return freemem();
  const found = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"));
  return found === null ? freemem() : Number(found[1]) * 1024;
}
