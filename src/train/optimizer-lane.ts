/** A thread of the optimizer: answers each message once. Gradients stay here; tensors are lent, and given back. */
import { parentPort } from "node:worker_threads";
import type { AdamWUpdate } from "./adamw.ts";
import { Share, type Trained } from "./optimizer-share.ts";

export type Message =
  | { readonly kind: "take"; readonly gradients: ReadonlyMap<string, Float32Array> }
  | { readonly kind: "update"; readonly tensors: readonly Trained[]; readonly update: AdamWUpdate };

/** What goes to another thread instead of being copied: a tensor's buffers are gone where they came from. */
export function buffersOf(tensors: readonly Trained[]): ArrayBuffer[] {
  return tensors
    .flatMap(({ value, moments: { first, second } }) => [value, first, second])
    .map(({ buffer }) => buffer as ArrayBuffer);
}

const share = new Share();

// There is none in the thread that lends.
parentPort?.on("message", (message: Message) => {
  if (message.kind === "take") {
    parentPort!.postMessage(share.take(message.gradients));
    return;
  }
  share.update(message.tensors, message.update);
  parentPort!.postMessage(message.tensors, buffersOf(message.tensors));
});
