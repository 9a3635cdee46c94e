/** The values that trained tensors have before the first step. */
import type { Random } from "../base/random.ts";
import type { ModelFolder } from "../model/folder.ts";
import type { TensorDtype } from "../model/safetensors.ts";
import { widen } from "../model/safetensors-writer.ts";
import { initialiseLora } from "./lora.ts";
import type { Method } from "./objective.ts";
import { readTensor } from "./read-tensor.ts";
import type { Trainable } from "./trainable.ts";

/** Full fine-tuning starts from the stored parameters, adapters from their own distribution. */
export async function startingValues(
  base: ModelFolder,
  method: Method,
  trainables: readonly Trainable[],
  random: Random,
): Promise<Map<string, Float32Array>> {
  if (method.kind === "lora") return initialiseLora(trainables, random);
  const values = new Map<string, Float32Array>();
  for (const { name } of trainables) {
    const tensor = base.tensors.get(name)!;
    // A copy, since training writes into it and the widening of f32 shares the bytes.
    values.set(name, Float32Array.from(widen(await readTensor(tensor), tensor.dtype as TensorDtype)));
  }
  return values;
}
