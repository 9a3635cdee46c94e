/**
 * The keys and values of sequences that are being continued, a slot each.
 *
 * They are kept here and fed; a run of the body returns only what it adds to them. The runtime could write them in place,
 * but its binding copies every result, and a long cache takes longer to copy than a token to compute.
 */
import { assert } from "../base/assert.ts";
import type { Graph, InputNode } from "../graph/graph.ts";
import type { Tensor } from "./session.ts";

const past = "past.";

/** The keys or the values of a layer, [slots, kvHeads, capacity, headSize]. */
interface Part {
  /** `<layer>.key` or `<layer>.value` */
  readonly name: string;
  readonly kvHeads: number;
  /** Of the cache, where heads are padded. */
  readonly headSize: number;
  data: Float32Array;
}

export class Cache {
  readonly #parts: readonly Part[];
  #slots = 0;
  #capacity = 0;

  constructor({ inputs }: Graph) {
    this.#parts = inputs.filter(({ op }) => op.name.startsWith(past)).map(emptyPart);
  }

  /** Tokens for which every slot has room. */
  get capacityTokens(): number {
    return this.#capacity;
  }

  /** Bytes that a token takes in a slot. */
  get bytesPerToken(): number {
    return this.#parts.reduce((sum, { kvHeads, headSize }) => sum + 4 * kvHeads * headSize, 0);
  }

  /** Makes room; what was held is lost. Memory that is there is used again: it only ever grows. */
  reserve(slots: number, capacityTokens: number): void {
    this.#slots = slots;
    this.#capacity = capacityTokens;
    for (const part of this.#parts) {
      const length = slots * part.kvHeads * capacityTokens * part.headSize;
      if (part.data.length < length) part.data = new Float32Array(length);
    }
  }

  /** What is fed for the first slots, as many as are asked for. */
  feeds(slots: number): Record<string, Tensor> {
    assert(slots <= this.#slots, "more slots than there are");
    return Object.fromEntries(
      this.#parts.map(({ name, kvHeads, headSize, data }) => [
        past + name,
        { dtype: "f32", shape: [slots, kvHeads, this.#capacity, headSize], data },
      ]),
    );
  }

  /** What is fed for sequences that begin: nothing. */
  none(sequences: number): Record<string, Tensor> {
    const data = new Float32Array(0);
    return Object.fromEntries(
      this.#parts.map(({ name, kvHeads, headSize }) => [
        past + name,
        { dtype: "f32", shape: [sequences, kvHeads, 0, headSize], data },
      ]),
    );
  }

  /**
   * Writes what a run added, `new.<layer>.key` and `.value` [slots, tokens, kvHeads · size], heads not padded.
   * @param offsets how many tokens each of the slots held before
   */
  store(results: Readonly<Record<string, Tensor>>, offsets: readonly number[]): void {
    for (const { name, kvHeads, headSize, data } of this.#parts) {
      const { shape, data: added } = results[`new.${name}`]!;
      const [slots, tokens, width] = shape as [number, number, number];
      assert(slots === offsets.length, "an offset of each slot");
      const size = width / kvHeads;
      for (const [slot, offset] of offsets.entries())
        for (let head = 0; head < kvHeads; head++)
          for (let token = 0; token < tokens; token++) {
            const from = (slot * tokens + token) * width + head * size;
            const to = ((slot * kvHeads + head) * this.#capacity + offset + token) * headSize;
            data.set((added as Float32Array).subarray(from, from + size), to);
          }
    }
  }

  /** Takes the first tokens of a slot over from another cache of the same model, or from another slot. */
  copy(from: Cache, fromSlot: number, slot: number, tokens: number): void {
    assert(tokens <= Math.min(this.#capacity, from.#capacity), "more tokens than there is room for");
    for (const [index, { kvHeads, headSize, data }] of this.#parts.entries())
      for (let head = 0; head < kvHeads; head++) {
        const start = (fromSlot * kvHeads + head) * from.#capacity * headSize;
        const held = from.#parts[index]!.data.subarray(start, start + tokens * headSize);
        data.set(held, (slot * kvHeads + head) * this.#capacity * headSize);
      }
  }
}

function emptyPart({ op, shape }: InputNode): Part {
  const name = op.name.slice(past.length);
  return { name, kvHeads: shape[1] as number, headSize: shape[3] as number, data: new Float32Array(0) };
}
