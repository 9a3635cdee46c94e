/**
 * AdamW over all trained tensors, on several cores where they are so many numbers that threads are worth it. A tensor is
 * lent to a thread and comes back, which copies nothing; what becomes of it does not depend on who computes it.
 */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { giveBack } from "../base/give-back.ts";
import { threadUrl } from "../base/self.ts";
import { type AdamWUpdate, createMoments, type Moments, stepAdamW } from "./adamw.ts";
import { buffersOf, type Lent, type Loan } from "./optimizer-lane.ts";

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
  readonly #shares: readonly (readonly string[])[];
  readonly #lanes: readonly Lane[];

  /** @param values belong to the optimizer from then on, each with a buffer of its own */
  constructor(values: ReadonlyMap<string, Float32Array>, threads = availableParallelism()) {
    for (const [name, { buffer, byteLength }] of values)
      assert(buffer.byteLength === byteLength, `${name} is a part of a buffer`);
    this.#values = new Map(values);
    this.#moments = new Map([...values].map(([name, { length }]) => [name, createMoments(length)]));
    const numbers = [...values.values()].reduce((sum, { length }) => sum + length, 0);
    this.#shares = share(values, numbers < numbersForThreads ? 1 : Math.min(threads, lanesMax));
    this.#lanes = this.#shares.slice(1).map(() => new Lane());
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

  /** Uses the gradients up. */
  async update(gradients: ReadonlyMap<string, Float32Array>, update: AdamWUpdate): Promise<void> {
    const take = (name: string) => ({
      name,
      value: this.#values.get(name)!,
      moments: this.#moments.get(name)!,
      gradient: gradients.get(name)!,
    });
    const [own, ...others] = this.#shares;
    const lent = others.map((names, index) => this.#lanes[index]!.run({ tensors: names.map(take), update }));
    for (const { value, gradient, moments } of own!.map(take)) {
      stepAdamW(value, gradient, moments, update);
      giveBack(gradient);
    }
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

  async run(loan: Loan): Promise<readonly Lent[]> {
    const buffers = loan.tensors.flatMap((tensor) => [...buffersOf(tensor), tensor.gradient.buffer as ArrayBuffer]);
    this.#worker.ref();
    try {
      const returned = once(this.#worker, "message");
      this.#worker.postMessage(loan, buffers);
      // Rejects when the thread fails instead.
      const [tensors] = (await returned) as [readonly Lent[]];
      return tensors;
    } finally {
      this.#worker.unref();
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
