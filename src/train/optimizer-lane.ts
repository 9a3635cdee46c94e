/** A thread of the optimizer: updates the tensors that it is lent, and gives them back. */
import { parentPort } from "node:worker_threads";
import { giveBack } from "../base/give-back.ts";
import { type AdamWUpdate, type Moments, stepAdamW } from "./adamw.ts";

export interface Lent {
  readonly name: string;
  readonly value: Float32Array;
  readonly moments: Moments;
}

export interface Loan {
  readonly tensors: readonly (Lent & { readonly gradient: Float32Array })[];
  readonly update: AdamWUpdate;
}

/** What goes to another thread instead of being copied: a tensor's buffers are gone where they came from. */
export function buffersOf({ value, moments: { first, second } }: Lent): ArrayBuffer[] {
  return [value, first, second].map(({ buffer }) => buffer as ArrayBuffer);
}

// There is none in the thread that lends.
parentPort?.on("message", ({ tensors, update }: Loan) => {
  const done = tensors.map(({ gradient, ...lent }): Lent => {
    stepAdamW(lent.value, gradient, lent.moments, update);
    giveBack(gradient);
    return lent;
  });
  parentPort!.postMessage(done, done.flatMap(buffersOf));
});
