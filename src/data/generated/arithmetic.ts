/**
 * Sums, differences and products: the local subnet's own task. Small models learn it in seconds, and how well they have
 * learnt it shows in the loss, so that a demonstration has models of really different quality.
 */
import type { Random } from "../../base/random.ts";

export interface Exercise {
  readonly context: string;
  readonly reference: string;
}

const operations = [
  { sign: "+", apply: (a: number, b: number) => a + b },
  { sign: "-", apply: (a: number, b: number) => a - b },
  { sign: "*", apply: (a: number, b: number) => a * b },
] as const;

/** Draws exercises such as `17 + 4 = ` → `21`. Operands have 1 … `digitsMax` digits; differences are never negative. */
export function drawArithmetic(
  random: Random,
  count: number,
  { digitsMax }: { readonly digitsMax: number },
): Exercise[] {
  return Array.from({ length: count }, () => {
    const operation = random.choice(operations);
    const drawn = [drawOperand(random, digitsMax), drawOperand(random, digitsMax)] as const;
    const [a, b] = operation.sign === "-" && drawn[0] < drawn[1] ? [drawn[1], drawn[0]] : drawn;
    return { context: `${a} ${operation.sign} ${b} = `, reference: String(operation.apply(a, b)) };
  });
}

/** Every number of digits is equally likely, so that short and long operands meet. */
function drawOperand(random: Random, digitsMax: number): number {
  const digits = random.integer(1, digitsMax);
  return random.integer(digits === 1 ? 0 : 10 ** (digits - 1), 10 ** digits - 1);
}
