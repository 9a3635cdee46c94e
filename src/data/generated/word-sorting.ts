/** English words to be put in alphabetical order. */
import { byCodePoint, lengthOf } from "../../base/python-text.ts";
import type { Random } from "../../base/random.ts";
import type { Exercise } from "./arithmetic.ts";

export interface WordSorting {
  /** The words to draw from, in a fixed order; those shorter than `lettersMin` are left out. */
  readonly words: readonly string[];
  readonly wordsMin: number;
  readonly wordsMax: number;
  readonly lettersMin: number;
}

/** Draws exercises; the generator must be freshly seeded for the subnet's draw. */
export function drawWordSorting(
  random: Random,
  count: number,
  { words, wordsMin, wordsMax, lettersMin }: WordSorting,
): Exercise[] {
  const drawable = words.filter((word) => lengthOf(word) >= lettersMin);
  return Array.from({ length: count }, () => {
    const drawn = random.sample(drawable, random.integer(wordsMin, wordsMax)).map((word) => word.toLowerCase());
    return {
      context: `Sort the following words alphabetically: ${drawn.join(" ")}. `,
      reference: drawn.toSorted(byCodePoint).join(" "),
    };
  });
}
