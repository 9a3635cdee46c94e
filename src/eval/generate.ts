/**
 * Greedy continuation of prompts, a token at a time against the cache of keys and values.
 *
 * A token of one sequence costs nearly as much as one of each of many, since it is the parameters that must be read. So
 * prompts go through one after the other, each from where it differs from the one before it, and are continued together.
 */
import { assert } from "../base/assert.ts";
import type { Cache } from "./cache.ts";
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
  /** For the sequences that are continued together, and what it may take. */
  readonly cache: Cache;
  readonly cacheBytesMax: number;
}

export interface GenerateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told every new token as soon as it is chosen, and the place of its sample. */
  readonly onToken?: ((id: number, place: number) => void) | undefined;
}

/** More sequences than this are not continued together: their parameters are read once, but each reads its own cache. */
const togetherMax = 16;

/**
 * Samples that are continued together: consecutive ones, as many as the limits allow, whose positions are rotated alike
 * however long they become. The same samples are always put together alike.
 * @returns positions in `samples`
 */
export function planTogether(parts: GenerateParts, samples: readonly GenerationSample[]): number[][] {
  const groups: { readonly first: GenerationSample; readonly members: number[]; capacityTokens: number }[] = [];
  for (const [index, sample] of samples.entries()) {
    const own = capacityOf(parts, sample);
    const group = groups.at(-1);
    if (group !== undefined && group.members.length < togetherMax) {
      const capacityTokens = Math.max(group.capacityTokens, own);
      const bytes = (group.members.length + 1) * capacityTokens * parts.cache.bytesPerToken;
      const lengths = [group.first.prompt.length, sample.prompt.length, own];
      const alike = lengths.every((length) => parts.forward.alike(capacityOf(parts, group.first), length));
      if (bytes <= parts.cacheBytesMax && alike) {
        group.members.push(index);
        group.capacityTokens = capacityTokens;
        continue;
      }
    }
    groups.push({ first: sample, members: [index], capacityTokens: own });
  }
  return groups.map(({ members }) => members);
}

/** The new ids of each sample, without the end-of-sequence id that ended them. */
export async function generate(
  parts: GenerateParts,
  samples: readonly GenerationSample[],
  options: GenerateOptions = {},
): Promise<number[][]> {
  const continuations = samples.map((sample, place) => new Continuation(sample, place, parts.positionsMax, options));
  if (continuations.length === 1) await continueOne(parts, continuations[0]!, options);
  else await continueTogether(parts, continuations, options);
  return continuations.map(({ newIds }) => newIds);
}

/** In the cache of the one sequence, so that the next prompt may go on from this continuation, as a conversation does. */
async function continueOne(parts: GenerateParts, one: Continuation, { signal }: GenerateOptions): Promise<void> {
  if (one.isFull) return;
  let hidden = await runPrompt(parts, one, signal);
  while (one.take(await logitsOf(parts, hidden, 1))) {
    signal?.throwIfAborted();
    hidden = await parts.forward.run([one.ids.at(-1)!], one.ids.length - 1, { lengthTokens: one.ids.length });
  }
}

async function continueTogether(
  parts: GenerateParts,
  continuations: readonly Continuation[],
  { signal }: GenerateOptions,
): Promise<void> {
  const { forward, cache } = parts;
  cache.reserve(continuations.length, Math.max(...continuations.map(({ capacityTokens }) => capacityTokens)));
  /** Those that go on, in the order of their slots. */
  const open: Continuation[] = [];
  for (const one of continuations) {
    if (one.isFull) continue;
    const hidden = await runPrompt(parts, one, signal);
    forward.copyTo(cache, open.length, one.ids.length);
    if (one.take(await logitsOf(parts, hidden, 1))) open.push(one);
  }
  while (open.length > 0) {
    signal?.throwIfAborted();
    const last = open.map(({ ids }) => ids.at(-1)!);
    const offsets = open.map(({ ids }) => ids.length - 1);
    const hidden = await forward.step(cache, last, offsets, Math.max(...offsets) + 1);
    const logits = await logitsOf(parts, hidden, open.length);
    const vocabulary = logits.length / open.length;
    // From the last slot down: what is over gives its slot to the last one, which was told its token before.
    for (let slot = open.length - 1; slot >= 0; slot--) {
      if (open[slot]!.take(logits.subarray(slot * vocabulary, (slot + 1) * vocabulary))) continue;
      const moved = open.pop()!;
      if (slot === open.length) continue;
      cache.copy(cache, open.length, slot, moved.ids.length - 1);
      open[slot] = moved;
    }
  }
}

/** Runs a prompt from where it differs from the sequence before it. @returns hidden states of its last token, [1, width] */
async function runPrompt(
  { forward, chunkLength, width }: GenerateParts,
  { ids, capacityTokens }: Continuation,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  assert(ids.length > 0, "a prompt without tokens");
  let done = forward.resume(ids, capacityTokens);
  while (true) {
    signal?.throwIfAborted();
    const chunk = ids.slice(done, Math.min(done + chunkLength(done), ids.length));
    const hidden = await forward.run(chunk, done, { lengthTokens: ids.length });
    done += chunk.length;
    if (done === ids.length) return hidden.subarray((chunk.length - 1) * width);
  }
}

/** hidden [rows, width] → logits [rows, vocabulary] */
async function logitsOf({ head, width }: GenerateParts, hidden: Float32Array, rows: number): Promise<Float32Array> {
  const { logits } = await head.run({ hidden: { dtype: "f32", shape: [rows, width], data: hidden } });
  return logits!.data as Float32Array;
}

/** How long a sequence may become. */
function capacityOf(
  { positionsMax }: Pick<GenerateParts, "positionsMax">,
  { prompt, newTokensMax }: GenerationSample,
): number {
  return Math.min(prompt.length + newTokensMax, positionsMax);
}

/** A prompt and what has been chosen to follow it. */
class Continuation {
  readonly ids: number[];
  readonly capacityTokens: number;
  readonly #ends: ReadonlySet<number>;

  constructor(
    private readonly sample: GenerationSample,
    private readonly place: number,
    positionsMax: number,
    private readonly options: GenerateOptions,
  ) {
    this.ids = [...sample.prompt];
    this.capacityTokens = capacityOf({ positionsMax }, sample);
    this.#ends = new Set(sample.endIds);
  }

  get isFull(): boolean {
    return this.ids.length >= this.capacityTokens;
  }

  get newIds(): number[] {
    return this.ids.slice(this.sample.prompt.length);
  }

  /** Chooses the next token by its logits, which are changed. @returns whether there is another to be chosen */
  take(logits: Float32Array): boolean {
    penalise(logits, this.ids, this.sample.repetitionPenalty);
    const next = largest(logits);
    if (this.#ends.has(next)) return false;
    this.ids.push(next);
    this.options.onToken?.(next, this.place);
    return !this.isFull;
  }
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
