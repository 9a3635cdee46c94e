/**
 * The body of a model. A long sequence goes through in chunks: what a chunk leaves in the cache of keys and values is
 * what the next one attends to, so that only a chunk's activations are held at once. Short sequences go through whole,
 * several at a time, padded to the longest; and sequences that are continued go on together, a token each.
 */
import { assert } from "../base/assert.ts";
import type { Graph } from "../graph/graph.ts";
import type { Model } from "../model/model.ts";
import { type Frequencies, rotaryTables } from "../model/rope.ts";
import { Cache } from "./cache.ts";
import type { Session, Tensor } from "./session.ts";

interface Tables {
  readonly frequencies: Frequencies;
  readonly positions: number;
  readonly cos: Tensor;
  readonly sin: Tensor;
}

export class Forward {
  /** Of one sequence, which `run` computes. */
  readonly #own: Cache;
  /** The sequence whose keys and values that cache holds; undefined: nothing that can be continued. */
  #held: { ids: number[]; frequencies: readonly Frequencies[] } | undefined;
  readonly #tables = new Map<string, Tables>();
  readonly #inputs: ReadonlySet<string>;

  constructor(
    private readonly model: Model,
    private readonly session: Session,
    private readonly body: Graph,
  ) {
    this.#inputs = new Set(body.inputs.map(({ op }) => op.name));
    this.#own = new Cache(body);
  }

  /** For sequences beside the one that `run` computes. */
  newCache(): Cache {
    return new Cache(this.body);
  }

  /** Begins a new sequence, which will not become longer than `capacityTokens`. */
  begin(capacityTokens: number): void {
    this.#held = undefined;
    this.#own.reserve(1, capacityTokens);
  }

  /**
   * Begins a sequence whose first ids may be those of the sequence before it, as prompts with the same examples have.
   * @returns how many of its ids need not be run again: always fewer than there are
   */
  resume(ids: readonly number[], capacityTokens: number): number {
    const held = this.#held;
    if (
      held === undefined ||
      capacityTokens > this.#own.capacityTokens ||
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
    const offsets = sequences.map(() => 0);
    const feeds = { ...this.#feeds(sequences, offsets, lengthTokens, 0), ...this.#own.none(sequences.length) };
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
    const capacity = this.#own.capacityTokens;
    assert(offset + tokens.length <= capacity, "more tokens than there is room for");
    const feeds = { ...this.#feeds([tokens], [offset], lengthTokens, capacity), ...this.#own.feeds(1) };
    if (last) {
      this.#held = undefined;
      const { hidden } = await this.session.run(feeds, { outputs: ["hidden"] });
      return hidden!.data as Float32Array;
    }
    const results = await this.session.run(feeds);
    this.#own.store(results, [offset]);
    this.#remember(tokens, offset, this.#frequencies(lengthTokens));
    return results.hidden!.data as Float32Array;
  }

  /** Copies the first tokens of the one sequence into a slot of another cache, where `step` continues it. */
  copyTo(cache: Cache, slot: number, tokens: number): void {
    cache.copy(this.#own, 0, slot, tokens);
  }

  /**
   * Runs one token more of each sequence in the first slots of a cache.
   * @param offsets how many tokens come before it, all of them in the cache
   * @param lengthTokens how long the sequences are, as far as their rotary frequencies are concerned
   * @returns hidden states [slots, width], row-major
   */
  async step(
    cache: Cache,
    tokens: readonly number[],
    offsets: readonly number[],
    lengthTokens: number,
  ): Promise<Float32Array> {
    const sequences = tokens.map((id) => [id]);
    const feeds = this.#feeds(sequences, offsets, lengthTokens, cache.capacityTokens);
    const results = await this.session.run({ ...feeds, ...cache.feeds(sequences.length) });
    cache.store(results, offsets);
    return results.hidden!.data as Float32Array;
  }

  /**
   * Everything but the cache. Sequences of different lengths begin at the same offset, or have one token each.
   * @param positions how many the rotary tables have at least, so that they need not grow with every run
   */
  #feeds(
    sequences: readonly (readonly number[])[],
    offsets: readonly number[],
    lengthTokens: number,
    positions: number,
  ): Record<string, Tensor> {
    const batch = sequences.length;
    const tokens = Math.max(...sequences.map((ids) => ids.length));
    const total = Math.max(...offsets) + tokens;
    const ids = new BigInt64Array(batch * tokens);
    const places = new BigInt64Array(batch * tokens);
    for (const [row, sequence] of sequences.entries()) {
      ids.set(BigInt64Array.from(sequence, BigInt), row * tokens);
      for (let token = 0; token < tokens; token++) places[row * tokens + token] = BigInt(offsets[row]! + token);
    }
    const lengths = Int32Array.from(sequences, ({ length }, row) => offsets[row]! + length - 1);
    const feeds: Record<string, Tensor> = {
      ids: { dtype: "i64", shape: [batch, tokens], data: ids },
      positions: { dtype: "i64", shape: [batch, tokens], data: places },
      lengths: { dtype: "i32", shape: [batch], data: lengths },
      total: { dtype: "i32", shape: [], data: Int32Array.of(total) },
    };
    if (this.#inputs.has("keys"))
      feeds.keys = { dtype: "f32", shape: [total], data: Float32Array.from({ length: total }, (_, key) => key) };
    for (const name of Object.keys(this.model.ropes)) {
      const { cos, sin } = this.#rotary(name, lengthTokens, Math.max(total, positions));
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

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return index;
  return length;
}
