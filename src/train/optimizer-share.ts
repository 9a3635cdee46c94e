/** What one thread of the optimizer does with its share of the tensors: `take` their gradients, then `update` them. */
import { assert } from "../base/assert.ts";
import { giveBack } from "../base/give-back.ts";
import { sumOfSquares } from "../base/sum-of-squares.ts";
import { type AdamWUpdate, type Moments, stepAdamW } from "./adamw.ts";

export interface Trained {
  readonly name: string;
  readonly value: Float32Array;
  readonly moments: Moments;
}

export class Share {
  #gradients: ReadonlyMap<string, Float32Array> = new Map();

  /** Keeps the gradients and returns the sum of squares of each, in their order. Those that were kept are given back. */
  take(gradients: ReadonlyMap<string, Float32Array>): number[] {
    this.#giveBack();
    this.#gradients = gradients;
    return [...gradients.values()].map(sumOfSquares);
  }

  /** One step of AdamW in place, which uses the gradients up. */
  update(tensors: readonly Trained[], update: AdamWUpdate): void {
    for (const { name, value, moments } of tensors) {
      const gradient = this.#gradients.get(name);
      assert(gradient !== undefined, `no gradient of ${name}`);
      stepAdamW(value, gradient, moments, update);
    }
    this.#giveBack();
  }

  #giveBack(): void {
    for (const gradient of this.#gradients.values()) giveBack(gradient);
    this.#gradients = new Map();
  }
}
