/** Greedy continuation of a prompt, one token at a time against the cache of keys and values. */
import type { Forward } from "./forward.ts";
import type { ChunkLength } from "./memory.ts";
import type { GenerationSample } from "./sample.ts";
import type { Session } from "./session.ts";

export interface GenerateParts {
  readonly forward: Forward;
  /** hidden [rows, width] → logits [rows, vocabulary] */
  readonly head: Session;
  readonly width: number;
  /** No sequence may become longer than this. */
  readonly positionsMax: number;
  readonly chunkLength: ChunkLength;
}

export interface GenerateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told every new token as soon as it is chosen. */
  readonly onToken?: ((id: number) => void) | undefined;
}

/** The new ids, without the end-of-sequence id that ended them. */
export async function generate(
  parts: GenerateParts,
  sample: GenerationSample,
  { signal, onToken }: GenerateOptions = {},
): Promise<number[]> {
  const { prompt, newTokensMax, repetitionPenalty } = sample;
  const ends = new Set(sample.endIds);
  const ids = [...prompt];
  const capacityTokens = Math.min(prompt.length + newTokensMax, parts.positionsMax);
  let done = parts.forward.resume(ids, capacityTokens);
  while (ids.length < capacityTokens) {
    signal?.throwIfAborted();
    const chunk = ids.slice(done, Math.min(done + parts.chunkLength(done), ids.length));
    const hidden = await parts.forward.run(chunk, done, { lengthTokens: ids.length });
    done += chunk.length;
    if (done < ids.length) continue;
    const last = hidden.subarray((chunk.length - 1) * parts.width);
    const { logits } = await parts.head.run({ hidden: { dtype: "f32", shape: [1, parts.width], data: last } });
    const scores = logits!.data as Float32Array;
    penalise(scores, ids, repetitionPenalty);
    const next = largest(scores);
    if (ends.has(next)) break;
    ids.push(next);
    onToken?.(next);
  }
  return ids.slice(prompt.length);
}

/**
 * The repetition penalty of CTRL (Keskar et al. 2019) as transformers applies it: once for every distinct token so far,
 * a positive logit is divided by it and a negative one multiplied. Changes `logits`.
 */
export function penalise(logits: Float32Array, ids: readonly number[], penalty: number): void {
  if (penalty === 1) return;
  for (const id of new Set(ids)) {
    const logit = logits[id]!;
    logits[id] = logit < 0 ? logit * penalty : logit / penalty;
  }
}

/** The position of the largest logit; of equal ones the first. */
export function largest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}
