/** Going on from adapters that exist, ours or PEFT's, instead of from new ones. */
import { createHash } from "node:crypto";
import { OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { type Adapter, readAdapter } from "../train/adapter.ts";
import { moduleOf } from "../train/lora.ts";
import type { Trainable } from "../train/trainable.ts";

/** Throws `OperatorError` where the folder holds none, or adapters with something that is not computed here. */
export async function openAdapter(path: string): Promise<Adapter> {
  const adapter = await readAdapter(path);
  if (isInvalid(adapter))
    throw new OperatorError(
      `${path} cannot be gone on from: ${adapter.detail}.`,
      "Give the folder of a LoRA adapter, as PEFT or a training before writes it.",
    );
  return adapter;
}

/**
 * The adapters' values, which training changes, so that they are copies. Throws `OperatorError` unless there is one of
 * the right shape for every trainable and none besides, which would be lost in silence.
 */
export function startingAdapters(
  { values }: Adapter,
  trainables: readonly Trainable[],
  base: string,
): Map<string, Float32Array> {
  const known = new Set(trainables.map(({ name }) => name));
  for (const name of values.keys())
    if (!known.has(name)) throw foreign(`${base} has no linear ${moduleOf(name)} that the adapter says to be of`);
  return new Map(
    trainables.map(({ name, shape }) => {
      const value = values.get(name);
      if (value === undefined) throw foreign(`it has none for ${moduleOf(name)} of ${base}`);
      if (value.length !== shape.reduce((size, side) => size * side, 1))
        throw foreign(`that of ${moduleOf(name)} is of another shape than in ${base}`);
      return [name, Float32Array.from(value)];
    }),
  );
}

function foreign(difference: string): OperatorError {
  return new OperatorError(
    `The adapter is of another model: ${difference}.`,
    "Give the --base that the adapter was trained on.",
  );
}

/** The same for the same adapters. */
export function digestOf({ options, values }: Adapter): string {
  const hash = createHash("sha256").update(JSON.stringify(options));
  for (const name of [...values.keys()].sort()) hash.update(name).update(values.get(name)!);
  return hash.digest("hex");
}
