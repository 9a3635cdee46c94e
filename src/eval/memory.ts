/** Where a model's parameters are widened to f32: beforehand in memory, or out of the mapped file as they are needed. */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import type { Model } from "../model/model.ts";

/** Activations and logits of a long sequence, and the program itself. */
const overheadBytes = 600 * 2 ** 20;
/** The rest stays with everything else that runs here, such as the validator and its file pages. */
const partOfAvailable = 0.6;

/**
 * `load` where four bytes a parameter fit into the memory and the work is long enough to pay for laying them out first:
 * matrices are then never widened again. `run` otherwise: it starts at once and needs memory for one layer.
 */
export function chooseWiden(
  model: Model,
  {
    work,
    memoryBytesMax = Infinity,
  }: { readonly work: "brief" | "long"; readonly memoryBytesMax?: number | undefined },
): "load" | "run" {
  const bytes = 4 * model.parameters + overheadBytes;
  return work === "long" && bytes <= Math.min(memoryBytesMax, partOfAvailable * availableBytes()) ? "load" : "run";
}

/** What can be allocated without swapping. The kernel's own estimate counts file pages that can be given up. */
function availableBytes(): number {
  if (process.platform !== "linux") return freemem();
  const found = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"));
  return found === null ? freemem() : Number(found[1]) * 1024;
}
