/** The advantage that the earlier of two models has, which makes copying unprofitable. */
import { unreachable } from "../base/assert.ts";
import type { Block } from "../subnet.ts";
import type { Epsilon } from "./competition.ts";

/**
 * ε of a model at a block, 0…1. A model committed after `block` has the value of a new one.
 * @param modelBlock the commitment's block; Infinity for a hotkey without a model
 */
export function epsilonAt(epsilon: Epsilon, block: Block, modelBlock: Block): number {
  switch (epsilon.kind) {
    case "fixed":
      return epsilon.value;
    case "linear": {
      const ageBlocks = Math.max(block - modelBlock, 0);
      return epsilon.start - Math.min(ageBlocks / epsilon.decayBlocks, 1) * (epsilon.start - epsilon.end);
    }
    default:
      return unreachable(epsilon);
  }
}
