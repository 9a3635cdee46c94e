/**
 * The body of a model, run over one sequence in chunks: what a chunk leaves in the cache of keys and values is what the
 * next one attends to. Long sequences go through in chunks because the attention kernel computes whole squares, and its
 * scores for a chunk against everything before it are all that needs to be held at once.
 */
import { assert } from "../base/assert.ts";
import type { Graph, InputNode } from "../graph/graph.ts";
import type { Model } from "../model/model.ts";
import { type Frequencies, rotaryTables } from "../model/rope.ts";
import type { Session, Tensor } from "./session.ts";

interface Tables {
  readonly frequencies: Frequencies;
  readonly positions: number;
  readonly cos: Tensor;
  readonly sin: Tensor;
}

export class Forward {
  #cache: Record<string, Tensor> = {};
  #capacity = 0;
  readonly #tables = new Map<string, Tables>();
  readonly #inputs: ReadonlyMap<string, InputNode>;

  constructor(
    private readonly model: Model,
    private readonly session: Session,
    body: Graph,
  ) {
    this.#inputs = new Map(body.inputs.map((node) => [node.op.name, node]));
  }

  /**
   * Runs the tokens of a sequence from `offset` on, whose earlier ones were run before.
   * @param sequence `lengthTokens`: how long the sequence is, as far as its rotary frequencies are concerned;
   * `capacityTokens`: how long it will ever be, the same in all calls of one sequence
   * @returns hidden states [ids.length, width], row-major
   */
  async run(
    ids: readonly number[],
    offset: number,
    sequence: { readonly lengthTokens: number; readonly capacityTokens: number },
  ): Promise<Float32Array> {
    const total = offset + ids.length;
    assert(total <= sequence.lengthTokens && total <= sequence.capacityTokens, "more tokens than the sequence has");
    if (offset === 0) this.#reserve(sequence.capacityTokens);
    const feeds: Record<string, Tensor> = {
      ids: { dtype: "i64", shape: [1, ids.length], data: BigInt64Array.from(ids, BigInt) },
      lengths: { dtype: "i32", shape: [1], data: Int32Array.of(total - 1) },
      total: { dtype: "i32", shape: [], data: Int32Array.of(total) },
      offset: { dtype: "i64", shape: [1], data: BigInt64Array.of(BigInt(offset)) },
    };
    if (this.#inputs.has("keys"))
      feeds.keys = { dtype: "f32", shape: [total], data: Float32Array.from({ length: total }, (_, key) => key) };
    for (const name of Object.keys(this.model.ropes)) {
      const { cos, sin } = this.#rotary(name, sequence);
      feeds[`rope.${name}.cos`] = cos;
      feeds[`rope.${name}.sin`] = sin;
    }
    const into: Record<string, Tensor> = {};
    for (const [name, tensor] of Object.entries(this.#cache)) {
      feeds[`past.${name}`] = tensor;
      into[`present.${name}`] = tensor;
    }
    const { hidden } = await this.session.run(feeds, into);
    return hidden!.data as Float32Array;
  }

  /** The cache is written in place, so it has room for the whole sequence from the start. It only ever grows. */
  #reserve(tokens: number): void {
    if (tokens <= this.#capacity) return;
    this.#capacity = tokens;
    for (const [name, { shape }] of this.#inputs) {
      if (!name.startsWith("past.")) continue;
      const sizes = [1, shape[1] as number, tokens, shape[3] as number];
      const data = new Float32Array(sizes.reduce((product, size) => product * size));
      this.#cache[name.slice("past.".length)] = { dtype: "f32", shape: sizes, data };
    }
  }

  #rotary(name: string, sequence: { readonly lengthTokens: number; readonly capacityTokens: number }): Tables {
    const rope = this.model.ropes[name]!;
    const frequencies = rope.frequencies(sequence.lengthTokens);
    const known = this.#tables.get(name);
    if (known?.frequencies === frequencies && known.positions >= sequence.lengthTokens) return known;
    const positions = sequence.capacityTokens;
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
