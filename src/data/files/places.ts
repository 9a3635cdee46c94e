/** Which of many numbered things are taken. */
import type { Random } from "../../base/random.ts";

/** `count` different places of 0 … total − 1 in drawn order; all of them in their own order when there are no more. */
export function drawPlaces(random: Random, total: number, count: number): number[] {
  if (total <= count) return Array.from({ length: total }, (_, place) => place);
  // By rejection: a pool of all places would take memory in proportion to the file.
  const taken = new Set<number>();
  while (taken.size < count) taken.add(random.below(total));
  return [...taken];
}
