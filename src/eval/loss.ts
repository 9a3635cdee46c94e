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
}

/** Bytes of logits that one run of the head may hold. */
const logitsBytesMax = 1 << 28;
const headRowsMax = 2048;

/** One number for each scored token: those from max(scoredFrom, 1) on. */
export async function lossNats(parts: LossParts, sample: LossSample, signal?: AbortSignal): Promise<number[]> {
  const { ids } = sample;
  const first = Math.max(sample.scoredFrom, 1);
  const nll: number[] = [];
  if (ids.length <= first) return nll;
  // The last token is only ever a target.
  const fed = ids.length - 1;
  const { chunkTokens } = parts;
  const sequence = { lengthTokens: ids.length, capacityTokens: ids.length };
  const gathered = new Rows(parts, nll);
  for (let offset = 0; offset < fed; offset += chunkTokens) {
    signal?.throwIfAborted();
    const chunk = ids.slice(offset, Math.min(offset + chunkTokens, fed));
    const hidden = await parts.forward.run(chunk, offset, sequence);
    // The row at position p predicts the token at p + 1.
    const from = Math.max(first - 1 - offset, 0);
    for (let row = from; row < chunk.length; row++) {
      await gathered.push(hidden.subarray(row * parts.width, (row + 1) * parts.width), ids[offset + row + 1]!);
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
  #count = 0;

  constructor(
    private readonly parts: LossParts,
    private readonly nll: number[],
  ) {
    const fitting = Math.floor(logitsBytesMax / (4 * parts.vocabulary));
    this.#rowsMax = Math.max(1, Math.min(headRowsMax, fitting));
    this.#hidden = new Float32Array(this.#rowsMax * parts.width);
    this.#targets = new BigInt64Array(this.#rowsMax);
  }

  async push(row: Float32Array, target: number): Promise<void> {
    this.#hidden.set(row, this.#count * this.parts.width);
    this.#targets[this.#count] = BigInt(target);
    this.#count += 1;
    if (this.#count === this.#rowsMax) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#count === 0) return;
    const { head, width } = this.parts;
    const { nll } = await head.run({
      hidden: { dtype: "f32", shape: [this.#count, width], data: this.#hidden },
      targets: { dtype: "i64", shape: [this.#count], data: this.#targets },
    });
    this.nll.push(...(nll!.data as Float32Array));
    this.#count = 0;
  }
}
