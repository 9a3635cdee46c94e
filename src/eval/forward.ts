/**
 * The body of a model. A long sequence goes through in chunks: what a chunk leaves in the cache of keys and values is
 * what the next one attends to, so that only a chunk's activations are held at once. Short sequences go through whole,
 * several at a time, padded to the longest.
 *
 * The cache is kept here and fed; a run returns only what it adds to it. The runtime could write it in place, but its
 * binding copies every result, and a long cache takes longer to copy than a token to compute.
 */
import { assert } from "../base/assert.ts";
import type { Graph, InputNode } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import type { Model } from "../model/model.ts";
import { type Frequencies, rotaryTables } from "../model/rope.ts";
import type { Session, Tensor } from "./session.ts";

interface Tables {
  readonly frequencies: Frequencies;
  readonly positions: number;
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** The keys or the values of a layer, [kvHeads, capacity, headSize]. */
interface Cached {
  /** `<layer>.key` or `<layer>.value` */
  readonly name: string;
  readonly kvHeads: number;
  /** Of the cache, where heads are padded. */
  readonly headSize: number;
  data: Float32Array;
}

export class Forward {
  readonly #cache: readonly Cached[];
  /** Tokens for which the cache has room. */
  #capacity = 0;
  /** The one sequence whose keys and values the cache holds; undefined: nothing that can be continued. */
  #held: { ids: number[]; frequencies: readonly Frequencies[] } | undefined;
  readonly #tables = new Map<string, Tables>();
  readonly #inputs: ReadonlyMap<string, InputNode>;

  constructor(
    private readonly model: Model,
    private readonly session: Session,
    body: Graph,
  ) {
    this.#inputs = new Map(body.inputs.map((node) => [node.op.name, node]));
    this.#cache = [...this.#inputs]
      .filter(([name]) => name.startsWith("past."))
      .map(([name, node]) => emptyCache(name, node));
  }

  /** Begins a new sequence, which will not become longer than `capacityTokens`. */
  begin(capacityTokens: number): void {
    this.#capacity = capacityTokens;
    this.#held = undefined;
    // Memory that is there is used again: it only ever grows.
    for (const cached of this.#cache) {
      const length = cached.kvHeads * capacityTokens * cached.headSize;
      if (cached.data.length < length) cached.data = new Float32Array(length);
    }
  }

  /**
   * Begins a sequence whose first ids may be those of the sequence before it, as prompts with the same examples have.
   * @returns how many of its ids need not be run again: always fewer than there are
   */
  resume(ids: readonly number[], capacityTokens: number): number {
    const held = this.#held;
    if (
      held === undefined ||
      capacityTokens > this.#capacity ||
      !sameItems(held.frequencies, this.#frequencies(ids.length))
    ) {
      // Room to spare, so that a somewhat longer sequence can still continue this one.
      this.begin(Math.ceil((capacityTokens * 1.25) / 256) * 256);
      return 0;
    }
    const shared = sharedLength(held.ids, ids);
    held.ids.length = Math.min(shared, ids.length - 1);
    return held.ids.length;
  }

  /** Whether sequences of these lengths are rotated alike: two of the rules depend on the length. */
  alike(lengthTokens: number, otherLengthTokens: number): boolean {
    return sameItems(this.#frequencies(lengthTokens), this.#frequencies(otherLengthTokens));
  }

  /**
   * Runs sequences whole, in one call, and keeps nothing of them: the cache is neither fed nor read back, which costs
   * more than a tenth of the time of a long sequence. Shorter sequences are padded on the right, where nothing looks.
   * @param lengthTokens how long the sequences are, as far as their rotary frequencies are concerned
   * @returns hidden states [batch · tokens, width], row-major, tokens the most that a sequence has
   */
  async runWhole(sequences: readonly (readonly number[])[], lengthTokens: number): Promise<Float32Array> {
    const none = new Float32Array(0);
    const past = this.#cache.map(
      ({ name, kvHeads, headSize }) =>
        [`past.${name}`, { dtype: "f32", shape: [sequences.length, kvHeads, 0, headSize], data: none }] as const,
    );
    const feeds = { ...this.#feeds(sequences, 0, lengthTokens), ...Object.fromEntries(past) };
    const { hidden } = await this.session.run(feeds, { outputs: ["hidden"] });
    return hidden!.data as Float32Array;
  }

  /**
   * Runs tokens of the one sequence that was begun, the first of which stand at `offset`; the earlier ones were run before.
   * @param options `lengthTokens`: how long the sequence is, as far as its rotary frequencies are concerned. `last`: no
   * token comes after these, so that their keys and values need not be kept.
   * @returns hidden states [tokens, width], row-major
   */
  async run(
    tokens: readonly number[],
    offset: number,
    { lengthTokens, last = false }: { readonly lengthTokens: number; readonly last?: boolean },
  ): Promise<Float32Array> {
    assert(offset + tokens.length <= this.#capacity, "more tokens than there is room for");
    const feeds = this.#feeds([tokens], offset, lengthTokens);
    for (const { name, kvHeads, headSize, data } of this.#cache)
      feeds[`past.${name}`] = { dtype: "f32", shape: [1, kvHeads, this.#capacity, headSize], data };
    if (last) {
      this.#held = undefined;
      const { hidden } = await this.session.run(feeds, { outputs: ["hidden"] });
      return hidden!.data as Float32Array;
    }
    const results = await this.session.run(feeds);
    for (const cached of this.#cache) store(cached, this.#capacity, offset, results[`new.${cached.name}`]!);
    this.#remember(tokens, offset, this.#frequencies(lengthTokens));
    return results.hidden!.data as Float32Array;
  }

  /** Everything but the cache. */
  #feeds(sequences: readonly (readonly number[])[], offset: number, lengthTokens: number): Record<string, Tensor> {
    const batch = sequences.length;
    const tokens = Math.max(...sequences.map((ids) => ids.length));
    const total = offset + tokens;
    const ids = new BigInt64Array(batch * tokens);
    for (const [row, sequence] of sequences.entries()) ids.set(BigInt64Array.from(sequence, BigInt), row * tokens);
    const feeds: Record<string, Tensor> = {
      ids: { dtype: "i64", shape: [batch, tokens], data: ids },
      lengths: { dtype: "i32", shape: [batch], data: Int32Array.from(sequences, ({ length }) => offset + length - 1) },
      total: { dtype: "i32", shape: [], data: Int32Array.of(total) },
      offset: { dtype: "i64", shape: [1], data: BigInt64Array.of(BigInt(offset)) },
    };
    if (this.#inputs.has("keys"))
      feeds.keys = { dtype: "f32", shape: [total], data: Float32Array.from({ length: total }, (_, key) => key) };
    for (const name of Object.keys(this.model.ropes)) {
      const { cos, sin } = this.#rotary(name, lengthTokens, Math.max(total, this.#capacity));
      feeds[`rope.${name}.cos`] = cos;
      feeds[`rope.${name}.sin`] = sin;
    }
    return feeds;
  }

  #remember(tokens: readonly number[], offset: number, frequencies: readonly Frequencies[]): void {
    const before = offset === 0 ? { ids: [], frequencies } : this.#held;
    const whole = before?.ids.length === offset && sameItems(before.frequencies, frequencies);
    this.#held = whole ? { ids: [...before.ids, ...tokens], frequencies } : undefined;
  }

  #frequencies(lengthTokens: number): Frequencies[] {
    return Object.values(this.model.ropes).map((rope) => rope.frequencies(lengthTokens));
  }

  #rotary(name: string, lengthTokens: number, positions: number): Tables {
    const rope = this.model.ropes[name]!;
    const frequencies = rope.frequencies(lengthTokens);
    const known = this.#tables.get(name);
    if (known?.frequencies === frequencies && known.positions >= positions) return known;
    const { cos, sin } = rotaryTables(frequencies, positions, rope.firstPosition);
    const shape = [positions, frequencies.inverse.length];
    const tables: Tables = {
      frequencies,
      positions,
      cos: { dtype: "f32", shape, data: cos },
      sin: { dtype: "f32", shape, data: sin },
    };
    this.#tables.set(name, tables);
    return tables;
  }
}

function emptyCache(input: string, { shape }: Node): Cached {
  const name = input.slice("past.".length);
  return { name, kvHeads: shape[1] as number, headSize: shape[3] as number, data: new Float32Array(0) };
}

/** Writes the keys or values of new tokens, [1, tokens, kvHeads · size], where heads are not padded. */
function store(
  { kvHeads, headSize, data }: Cached,
  capacity: number,
  offset: number,
  { shape, data: added }: Tensor,
): void {
  const tokens = shape[1]!;
  const width = shape[2]!;
  const size = width / kvHeads;
  for (let head = 0; head < kvHeads; head++)
    for (let token = 0; token < tokens; token++) {
      const from = token * width + head * size;
      data.set((added as Float32Array).subarray(from, from + size), (head * capacity + offset + token) * headSize);
    }
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return index;
  return length;
}
