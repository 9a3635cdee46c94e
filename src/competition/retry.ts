/** Whether a model that lost or failed deserves another evaluation: ε decays, and failures may have been the network's. */
import type { Block } from "../subnet.ts";
import type { Epsilon } from "./competition.ts";
import { epsilonAt } from "./epsilon.ts";
import type { EvaluationResult } from "./tracker.ts";

/** A model that has never had a score is tried this often. */
const failuresMax = 2;

/**
 * Without a history: yes. With a score: if the last one beats the winner of its round under today's ε, though it did not
 * then. With failures alone: while there are fewer than two.
 * @param history oldest first
 */
export function shouldRetry(history: readonly EvaluationResult[], epsilon: Epsilon, block: Block): boolean {
  const scored = history.findLast(({ score }) => score !== Number.POSITIVE_INFINITY);
  if (scored === undefined) return history.length < failuresMax;
  if (scored.score > scored.winningModelScore) return false;
  const advantage = epsilonAt(epsilon, block, scored.winningModelBlock);
  return scored.score < scored.winningModelScore * (1 - advantage);
}
