/** Examples of training, and how several become the inputs of one run. */
import type { Tensor } from "../eval/session.ts";

/** A sequence of which the tokens from `scoredFrom` on are learnt: the response after a prompt, or (1) a whole text. */
export interface Example {
  readonly ids: readonly number[];
  readonly scoredFrom: number;
}

/** Examples one after the other, of which none sees another. */
export type Row = readonly Example[];

/** How many tokens of an example count: those that something precedes and that are not masked. */
export function countedTokens({ ids, scoredFrom }: Example): number {
  return Math.max(0, ids.length - Math.max(1, scoredFrom));
}

/** Of a row or any other list of examples, counted or not. */
export function tokensOf(examples: readonly Example[]): number {
  return examples.reduce((sum, { ids }) => sum + ids.length, 0);
}

/**
 * Right-padded rows: `ids` i64 [batch, tokens]; `positions` i64 [batch, tokens], counted from 0 in every example, which is
 * what keeps an example from seeing those before it; `targets` i64 [batch · tokens] (the token after each, 0 where none);
 * `weights` f32 [batch · tokens], `tokenWeight` for a target that counts and 0 elsewhere. Attention is causal, so what
 * stands behind an example's end reaches none of its tokens.
 *
 * @param tokenWeight 1 / all counted tokens of the step, so that a step's loss is a mean over tokens, however its
 * examples are spread over rows and runs
 * @param tokensMin a grid's width at least
 */
export function feedRows(rows: readonly Row[], tokenWeight: number, tokensMin = 1): Record<string, Tensor> {
  const batch = rows.length;
  const tokens = Math.max(tokensMin, ...rows.map(tokensOf));
  const [ids, positions, targets] = [0, 1, 2].map(() => new BigInt64Array(batch * tokens)) as [
    BigInt64Array,
    BigInt64Array,
    BigInt64Array,
  ];
  const weights = new Float32Array(batch * tokens);
  for (const [index, row] of rows.entries()) {
    let start = index * tokens;
    for (const example of row) {
      const first = Math.max(1, example.scoredFrom);
      for (const [position, id] of example.ids.entries()) {
        ids[start + position] = BigInt(id);
        positions[start + position] = BigInt(position);
        if (position < first) continue;
        targets[start + position - 1] = BigInt(id);
        weights[start + position - 1] = tokenWeight;
      }
      start += example.ids.length;
    }
  }
  const grid = [batch, tokens];
  const list = [batch * tokens];
  return {
    ids: { dtype: "i64", shape: grid, data: ids },
    positions: { dtype: "i64", shape: grid, data: positions },
    targets: { dtype: "i64", shape: list, data: targets },
    weights: { dtype: "f32", shape: list, data: weights },
  };
}
