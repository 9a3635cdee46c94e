/**
 * AdamW over all trained tensors, on several cores where they are so many numbers that threads are worth it. A tensor is
 * lent to a thread and comes back, which copies nothing; what becomes of it does not depend on who computes it.
 */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { threadUrl } from "../base/self.ts";
import { type AdamWUpdate, createMoments, type Moments } from "./adamw.ts";
import { buffersOf, type Message } from "./optimizer-lane.ts";
import { Share, type Trained } from "./optimizer-share.ts";

export interface OptimizerState {
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly moments: ReadonlyMap<string, Moments>;
}

/** Below it an update takes some hundredths of a second. */
const numbersForThreads = 8_000_000;
/** A tensor is one thread's, and the largest, that of the tokens, is often a fifth of all. */
const lanesMax = 4;

export class Optimizer {
  readonly #values: Map<string, Float32Array>;
  readonly #moments: Map<string, Moments>;
  /** The names that each thread updates; those of the first are this one's. */
  readonly #names: readonly (readonly string[])[];
  readonly #own = new Share();
  readonly #lanes: readonly Lane[];

  /** @param values belong to the optimizer from then on, each with a buffer of its own */
  constructor(values: ReadonlyMap<string, Float32Array>, threads = availableParallelism()) {
    for (const [name, { buffer, byteLength }] of values)
      assert(buffer.byteLength === byteLength, `${name} is a part of a buffer`);
    this.#values = new Map(values);
    this.#moments = new Map([...values].map(([name, { length }]) => [name, createMoments(length)]));
    const numbers = [...values.values()].reduce((sum, { length }) => sum + length, 0);
    this.#names = share(values, numbers < numbersForThreads ? 1 : Math.min(threads, lanesMax));
    this.#lanes = this.#names.slice(1).map(() => new Lane());
  }

  /** To be read before the next update. */
  get state(): OptimizerState {
    return { values: this.#values, moments: this.#moments };
  }

  restore({ values, moments }: OptimizerState): void {
    for (const [name, value] of this.#values) {
      value.set(values.get(name)!);
      this.#moments.get(name)!.first.set(moments.get(name)!.first);
      this.#moments.get(name)!.second.set(moments.get(name)!.second);
    }
  }

  /** Takes the gradients of all tensors over and returns their L2 norm. */
  async take(gradients: ReadonlyMap<string, Float32Array>): Promise<number> {
    const [own, ...others] = this.#names.map((names) => new Map(names.map((name) => [name, gradients.get(name)!])));
    const lent = others.map((gradients, index) => this.#lanes[index]!.take(gradients));
    const sums = [this.#own.take(own!), ...(await Promise.all(lent))];
    const byName = new Map(this.#names.flatMap((names, index) => names.map((name, at) => [name, sums[index]![at]!])));
    // In the tensors' order, so that the sum does not depend on the number of threads.
    return Math.sqrt([...this.#values.keys()].reduce((sum, name) => sum + byName.get(name)!, 0));
  }

  /** One step by the gradients that were taken, which are used up. */
  async update(update: AdamWUpdate): Promise<void> {
    const trained = (name: string) => ({ name, value: this.#values.get(name)!, moments: this.#moments.get(name)! });
    const [own, ...others] = this.#names;
    const lent = others.map((names, index) => this.#lanes[index]!.update(names.map(trained), update));
    this.#own.update(own!.map(trained), update);
    for (const { name, value, moments } of (await Promise.all(lent)).flat()) {
      this.#values.set(name, value);
      this.#moments.set(name, moments);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}

/** The largest first, each to who has the least. */
function share(values: ReadonlyMap<string, Float32Array>, count: number): string[][] {
  const shares = Array.from({ length: count }, () => ({ names: [] as string[], numbers: 0 }));
  for (const [name, { length }] of [...values].sort(([, a], [, b]) => b.length - a.length)) {
    const least = shares.reduce((best, each) => (each.numbers < best.numbers ? each : best));
    least.names.push(name);
    least.numbers += length;
  }
  return shares.map(({ names }) => names);
}

class Lane {
  readonly #worker = new Worker(threadUrl("train/optimizer-lane.ts"));

  constructor() {
    // A training that ends must not wait for a thread that has nothing to do.
    this.#worker.unref();
  }

  async take(gradients: ReadonlyMap<string, Float32Array>): Promise<readonly number[]> {
    const buffers = [...gradients.values()].map(({ buffer }) => buffer as ArrayBuffer);
    return (await this.#ask({ kind: "take", gradients }, buffers)) as readonly number[];
  }

  async update(tensors: readonly Trained[], update: AdamWUpdate): Promise<readonly Trained[]> {
    return (await this.#ask({ kind: "update", tensors, update }, buffersOf(tensors))) as readonly Trained[];
  }

  async #ask(message: Message, lent: readonly ArrayBuffer[]): Promise<unknown> {
    this.#worker.ref();
    try {
      const answered = once(this.#worker, "message");
      this.#worker.postMessage(message, lent);
      // Rejects when the thread fails instead.
      const [answer] = await answered;
      return answer;
    } finally {
      this.#worker.unref();
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
