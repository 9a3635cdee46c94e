/** Sequences of brackets whose last closing ones are missing. */
import type { Random } from "../../base/random.ts";
import type { Exercise } from "./arithmetic.ts";

const pairs = ["<>", "[]", "{}", "()"] as const;
const prompt = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: ";
const answerMin = 1;
const answerMax = 3;

/** Draws exercises with `pairsMin` … `pairsMax` pairs of brackets; the answer is the last one to three closing brackets. */
export function drawDyck(
  random: Random,
  count: number,
  { pairsMin, pairsMax }: { readonly pairsMin: number; readonly pairsMax: number },
): Exercise[] {
  return Array.from({ length: count }, () => {
    const missing = random.integer(answerMin, answerMax);
    const sequence = drawSequence(random, random.integer(Math.max(missing, pairsMin), pairsMax), missing);
    return {
      context: prompt + sequence.slice(0, -missing).join(" "),
      reference: sequence.slice(-missing).join(" "),
    };
  });
}

/** A balanced sequence that ends with at least `closersAtEnd` closing brackets. */
function drawSequence(random: Random, pairCount: number, closersAtEnd: number): string[] {
  const sequence: string[] = [];
  const open: string[] = [];
  let opened = 0;
  let closed = 0;
  while (closed < pairCount) {
    const mayOpen = opened < pairCount;
    // Everything must be open before the closing brackets of the answer begin; a coin decides only where both are possible.
    const mustOpen = open.length === 0 || pairCount - closed === closersAtEnd;
    if (mayOpen && (mustOpen || random.choice([true, false]))) {
      const [opening, closing] = random.choice(pairs) as unknown as [string, string];
      sequence.push(opening);
      open.push(closing);
      opened += 1;
    } else {
      sequence.push(open.pop()!);
      closed += 1;
    }
  }
  return sequence;
}
