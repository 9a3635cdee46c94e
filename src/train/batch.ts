/** Examples of training, and how several become the inputs of one run. */
import type { Tensor } from "../eval/session.ts";

/** A sequence of which the tokens from `scoredFrom` on are learnt: the response after a prompt, or (1) a whole text. */
export interface Example {
  readonly ids: readonly number[];
  readonly scoredFrom: number;
}

/** How many tokens of an example count: those that something precedes and that are not masked. */
export function countedTokens({ ids, scoredFrom }: Example): number {
  return Math.max(0, ids.length - Math.max(1, scoredFrom));
}

/**
 * Right-padded rows: `ids` i64 [batch, tokens], `targets` i64 [batch · tokens] (the token after each, 0 where none),
 * `weights` f32 [batch · tokens], `tokenWeight` for a target that counts and 0 elsewhere. Attention is causal, so what
 * stands behind an example's end reaches none of its tokens.
 *
 * @param tokenWeight 1 / all counted tokens of the step, so that a step's loss is a mean over tokens, however its
 * examples are spread over runs
 */
export function packBatch(examples: readonly Example[], tokenWeight: number): Record<string, Tensor> {
  const batch = examples.length;
  const tokens = Math.max(...examples.map(({ ids }) => ids.length));
  const ids = new BigInt64Array(batch * tokens);
  const targets = new BigInt64Array(batch * tokens);
  const weights = new Float32Array(batch * tokens);
  for (const [row, example] of examples.entries()) {
    const first = Math.max(1, example.scoredFrom);
    for (const [position, id] of example.ids.entries()) {
      ids[row * tokens + position] = BigInt(id);
      if (position < first) continue;
      targets[row * tokens + position - 1] = BigInt(id);
      weights[row * tokens + position - 1] = tokenWeight;
    }
  }
  const rows = [batch * tokens];
  return {
    ids: { dtype: "i64", shape: [batch, tokens], data: ids },
    targets: { dtype: "i64", shape: rows, data: targets },
    weights: { dtype: "f32", shape: rows, data: weights },
  };
}
