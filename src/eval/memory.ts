/** Where a model's parameters are widened to f32: beforehand in memory, or out of the mapped file as they are needed. */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import type { Model } from "../model/model.ts";

/** Activations and logits of a long sequence, and the program itself. */
const overheadBytes = 600 * 2 ** 20;
/** Four bytes a parameter, and for a while a second copy of what is being laid out. */
const partOfParameters = 1.6;
/** The rest stays with everything else that runs here, such as the validator and its file pages. */
const partOfAvailable = 0.6;

/**
 * `load` where the widened parameters fit into the memory: laid out once, matrices are never widened again. `run`
 * otherwise: it needs memory for the widest matrices only. What fits is decided at the time of the call.
 */
export function chooseWiden(
  model: Model,
  { memoryBytesMax = Infinity }: { readonly memoryBytesMax?: number | undefined } = {},
): "load" | "run" {
  const bytes = partOfParameters * 4 * model.parameters + overheadBytes;
  return bytes <= Math.min(memoryBytesMax, partOfAvailable * availableBytes()) ? "load" : "run";
}

/** What can be allocated without swapping. The kernel's own estimate counts file pages that can be given up. */
function availableBytes(): number {
  if (process.platform !== "linux") return freemem();
  const found = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"));
  return found === null ? freemem() : Number(found[1]) * 1024;
}
