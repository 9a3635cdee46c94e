/**
 * Who beats whom. In a match the strictly earlier model's loss counts as loss · (1 − ε) with ε by its own age, and the
 * strictly lower loss wins; equal blocks give no advantage, equal losses no winner. NaN loses and beats nothing.
 */
import type { Block } from "../subnet.ts";
import type { Epsilon } from "./competition.ts";
import { epsilonAt } from "./epsilon.ts";

/** A model as a match sees it. */
export interface Contender {
  /** The commitment's block; Infinity for a hotkey without a model. */
  readonly block: Block;
  /** One loss per match: a round's batches, or the one score. */
  readonly losses: ArrayLike<number>;
}

export interface MatchRecord {
  readonly wins: number;
  readonly matches: number;
}

/** Whether `a` beats `b`, given both losses and blocks. */
export function beats(
  a: { readonly loss: number; readonly block: Block },
  b: { readonly loss: number; readonly block: Block },
  { epsilon, block }: { readonly epsilon: Epsilon; readonly block: Block },
): boolean {
  const ours = a.block < b.block ? a.loss * (1 - epsilonAt(epsilon, block, a.block)) : a.loss;
  const theirs = b.block < a.block ? b.loss * (1 - epsilonAt(epsilon, block, b.block)) : b.loss;
  return ours < theirs;
}

/**
 * Every pair meets once per common batch (lists of unequal length: the shorter one decides).
 * @returns a record per contender, in their order
 */
export function countWins(contenders: readonly Contender[], epsilon: Epsilon, block: Block): MatchRecord[] {
  // ε depends on the earlier model alone, so its losses are discounted once and not once per rival: a round of 256
  // models and 4000 batches is 130 million matches.
  const losses = contenders.map(({ losses }) => Float64Array.from(losses));
  const discounted = contenders.map((contender, index) => {
    const factor = 1 - epsilonAt(epsilon, block, contender.block);
    return losses[index]!.map((loss) => loss * factor);
  });
  const wins = new Float64Array(contenders.length);
  const matches = new Float64Array(contenders.length);
  for (let i = 0; i < contenders.length; i++) {
    for (let j = i + 1; j < contenders.length; j++) {
      const [blockI, blockJ] = [contenders[i]!.block, contenders[j]!.block];
      const ours = (blockI < blockJ ? discounted : losses)[i]!;
      const theirs = (blockJ < blockI ? discounted : losses)[j]!;
      const count = Math.min(ours.length, theirs.length);
      const [won, lost] = compare(ours, theirs, count);
      wins[i]! += won;
      wins[j]! += lost;
      matches[i]! += count;
      matches[j]! += count;
    }
  }
  return contenders.map((_, index) => ({ wins: wins[index]!, matches: matches[index]! }));
}

/** Wins per match; without a match 0. */
export function winRateOf({ wins, matches }: MatchRecord): number {
  return matches === 0 ? 0 : wins / matches;
}

function compare(ours: Float64Array, theirs: Float64Array, count: number): readonly [number, number] {
  let won = 0;
  let lost = 0;
  for (let batch = 0; batch < count; batch++) {
    const a = ours[batch]!;
    const b = theirs[batch]!;
    if (a < b) won += 1;
    else if (b < a) lost += 1;
  }
  return [won, lost];
}
