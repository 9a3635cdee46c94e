/**
 * The NLL of the tokens of a sequence: −ln p(token | the tokens before it), in nats.
 *
 * The head, the widest matrix of the model, is run only for positions whose next token is scored, a few hundred at a
 * time, and returns one number each: log Σ exp(logits) − logit of the token. So a vocabulary of 256,000 never costs a
 * [tokens × vocabulary] buffer.
 */
import type { Forward } from "./forward.ts";
import type { LossSample } from "./sample.ts";
import type { Session } from "./session.ts";

export interface LossParts {
  readonly forward: Forward;
  /** hidden [rows, width], targets [rows] → nll [rows] */
  readonly head: Session;
  readonly width: number;
  readonly vocabulary: number;
  /** Tokens of one run of the body. */
  readonly chunkTokens: number;
  /** Tokens of one run of the body with several sequences, padding included. */
  readonly batchTokens: number;
}

/** Bytes of logits that one run of the head may hold. */
const logitsBytesMax = 1 << 28;
const headRowsMax = 2048;

/**
 * Samples that go through the body together: neighbours in length, since all are padded to the longest. What is too long
 * for a batch, or has nothing to score, is alone.
 *
 * The same samples are always batched alike; in another company a loss may differ in the last bits of single precision,
 * as it may with another number of cores.
 * @returns positions in `samples`
 */
export function planBatches(parts: LossParts, samples: readonly LossSample[]): number[][] {
  const lengthOf = (index: number) => samples[index]!.ids.length;
  const order = [...samples.keys()].sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
  const batches: number[][] = [];
  for (const index of order) {
    const batch = batches.at(-1);
    const longest = batch?.[0];
    const joins =
      longest !== undefined &&
      lengthOf(longest) <= parts.chunkTokens &&
      (batch!.length + 1) * lengthOf(longest) <= parts.batchTokens &&
      parts.forward.alike(lengthOf(longest), lengthOf(index));
    if (joins) batch!.push(index);
    else batches.push([index]);
  }
  return batches;
}

/** For every sample one number for each scored token: those from max(scoredFrom, 1) on. */
export async function lossNats(
  parts: LossParts,
  samples: readonly LossSample[],
  signal?: AbortSignal,
): Promise<number[][]> {
  // The last token is only ever a target; and a sample without targets is not run at all.
  const run = samples
    .map(({ ids, scoredFrom }, index) => ({ ids, index, first: Math.max(scoredFrom, 1), fed: ids.length - 1 }))
    .filter(({ first, fed }) => first <= fed);
  const nll: number[][] = samples.map(() => []);
  if (run.length === 0) return nll;
  const fed = Math.max(...run.map((sample) => sample.fed));
  const step = run.length === 1 ? parts.chunkTokens : fed;
  const lengthTokens = Math.max(...run.map(({ ids }) => ids.length));
  parts.forward.begin({ batch: run.length, capacityTokens: fed });
  const gathered = new Rows(parts);
  for (let offset = 0; offset < fed; offset += step) {
    signal?.throwIfAborted();
    const chunks = run.map((sample) => sample.ids.slice(offset, Math.min(offset + step, sample.fed)));
    const hidden = await parts.forward.run(chunks, offset, lengthTokens);
    const tokens = Math.max(...chunks.map(({ length }) => length));
    for (const [place, { ids, index, first }] of run.entries()) {
      // The row at position p predicts the token at p + 1.
      for (let row = Math.max(first - 1 - offset, 0); row < chunks[place]!.length; row++) {
        const at = (place * tokens + row) * parts.width;
        await gathered.push(hidden.subarray(at, at + parts.width), ids[offset + row + 1]!, nll[index]!);
      }
    }
  }
  await gathered.flush();
  return nll;
}

/** Collects rows until there are enough for one run of the head. */
class Rows {
  readonly #rowsMax: number;
  readonly #hidden: Float32Array;
  readonly #targets: BigInt64Array;
  /** Where the result of each row goes. */
  readonly #into: number[][] = [];

  constructor(private readonly parts: LossParts) {
    const fitting = Math.floor(logitsBytesMax / (4 * parts.vocabulary));
    this.#rowsMax = Math.max(1, Math.min(headRowsMax, fitting));
    this.#hidden = new Float32Array(this.#rowsMax * parts.width);
    this.#targets = new BigInt64Array(this.#rowsMax);
  }

  async push(row: Float32Array, target: number, into: number[]): Promise<void> {
    this.#hidden.set(row, this.#into.length * this.parts.width);
    this.#targets[this.#into.length] = BigInt(target);
    this.#into.push(into);
    if (this.#into.length === this.#rowsMax) await this.flush();
  }

  async flush(): Promise<void> {
    const rows = this.#into.length;
    if (rows === 0) return;
    const { head, width } = this.parts;
    const { nll } = await head.run({
      hidden: { dtype: "f32", shape: [rows, width], data: this.#hidden },
      targets: { dtype: "i64", shape: [rows], data: this.#targets },
    });
    for (const [row, into] of this.#into.entries()) into.push((nll!.data as Float32Array)[row]!);
    this.#into.length = 0;
  }
}
