/**
 * The NLL of the tokens of a sequence: −ln p(token | the tokens before it), in nats.
 *
 * The head, the widest matrix of the model, is run only for positions whose next token is scored, a thousand at a time,
 * and returns one number each: log Σ exp(logits) − logit of the token (model/token-loss.ts).
 */
import type { Forward } from "./forward.ts";
import type { ChunkLength } from "./memory.ts";
import type { LossSample } from "./sample.ts";
import type { Session } from "./session.ts";

export interface LossParts {
  readonly forward: Forward;
  /** hidden [rows, width], targets [rows] → nll [rows] */
  readonly head: Session;
  readonly width: number;
  readonly vocabulary: number;
  readonly chunkLength: ChunkLength;
  /** Tokens of one run of the body with several sequences, padding included. */
  readonly batchTokens: number;
}

/** Rows of one run of the head: enough for its matrix kernel, and few enough for a piece of their logits to stay cached. */
const headRows = 1024;

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
  const lengthMax = parts.chunkLength(0);
  const order = [...samples.keys()].sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
  const batches: number[][] = [];
  for (const index of order) {
    const batch = batches.at(-1);
    const longest = batch?.[0];
    const joins =
      longest !== undefined &&
      lengthOf(longest) <= lengthMax &&
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
  const gathered = new Rows(parts);
  for await (const { hidden, chunks, offset } of runBody(parts, run, signal)) {
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

/** Hidden states of the tokens that are fed: of all samples at once, or of one, a chunk after the other. */
async function* runBody(
  { forward, chunkLength }: LossParts,
  samples: readonly { readonly ids: readonly number[]; readonly fed: number }[],
  signal: AbortSignal | undefined,
): AsyncGenerator<{ hidden: Float32Array; chunks: readonly (readonly number[])[]; offset: number }> {
  const fed = Math.max(...samples.map((sample) => sample.fed));
  const lengthTokens = Math.max(...samples.map(({ ids }) => ids.length));
  signal?.throwIfAborted();
  if (samples.length > 1 || fed <= chunkLength(0)) {
    const chunks = samples.map((sample) => sample.ids.slice(0, sample.fed));
    yield { hidden: await forward.runWhole(chunks, lengthTokens), chunks, offset: 0 };
    return;
  }
  const ids = samples[0]!.ids;
  forward.begin(fed);
  for (let offset = 0; offset < fed; ) {
    signal?.throwIfAborted();
    const chunk = ids.slice(offset, Math.min(offset + chunkLength(offset), fed));
    const last = offset + chunk.length === fed;
    yield { hidden: await forward.run(chunk, offset, { lengthTokens, last }), chunks: [chunk], offset };
    offset += chunk.length;
  }
}

/** Collects rows until there are enough for one run of the head. */
class Rows {
  readonly #hidden: Float32Array;
  readonly #targets = new BigInt64Array(headRows);
  /** Where the result of each row goes. */
  readonly #into: number[][] = [];

  constructor(private readonly parts: LossParts) {
    this.#hidden = new Float32Array(headRows * parts.width);
  }

  async push(row: Float32Array, target: number, into: number[]): Promise<void> {
    this.#hidden.set(row, this.#into.length * this.parts.width);
    this.#targets[this.#into.length] = BigInt(target);
    this.#into.push(into);
    if (this.#into.length === headRows) await this.flush();
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
