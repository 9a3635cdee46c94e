/** Adapters, ours or PEFT's, merged into the model that they were made for. */
import { FailureError, messageOf, OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { diskFailure } from "../hub/outcome.ts";
import { type ModelFolder, openModelFolder } from "../model/folder.ts";
import type { TensorDtype } from "../model/safetensors.ts";
import { type Adapter, readAdapter } from "../train/adapter.ts";
import { loraNames } from "../train/lora.ts";
import { saveModel } from "../train/save.ts";
import { openOutFolder } from "./out-folder.ts";

export interface MergeOptions {
  readonly base: string;
  /** A folder of adapter_config.json and adapter_model.safetensors. */
  readonly adapter: string;
  readonly out: string;
  /** Of the merged parameters; null: as they are stored in the base. */
  readonly dtype: TensorDtype | null;
}

/** Writes base + scale · B·A as a whole model. Throws `OperatorError` for adapters of another model. */
export async function mergeAdapter({ base, adapter, out, dtype }: MergeOptions): Promise<{ readonly modules: number }> {
  const folder = await openModelFolder(base, { links: "hub-cache" });
  if (isInvalid(folder)) throw new OperatorError(`${base} cannot be read: ${folder.detail}.`, "Give another --base.");
  const found = await readAdapter(adapter);
  if (isInvalid(found))
    throw new OperatorError(`${adapter} cannot be merged: ${found.detail}.`, "Give a LoRA adapter as PEFT writes it.");
  const modules = checkedModules(found, folder, { base, adapter });
  await openOutFolder(out, base);
  try {
    await saveModel({ base: folder, method: { kind: "lora", ...found.options }, values: found.values, out, dtype });
  } catch (error) {
    throw new FailureError(
      `${out} could not be written: ${diskFailure(error)?.detail ?? messageOf(error)}.`,
      "Make room, or give another --out.",
    );
  }
  return { modules };
}

/** How many linears have an adapter. One that no linear of the base takes would be lost in silence. */
function checkedModules(
  { values, options }: Adapter,
  { tensors }: ModelFolder,
  { base, adapter }: { readonly base: string; readonly adapter: string },
): number {
  const left = new Set(values.keys());
  let modules = 0;
  for (const [name, { shape }] of tensors) {
    const { a, b } = loraNames(name.replace(/\.weight$/, ""));
    const [inner, outer] = [values.get(a), values.get(b)];
    if (inner === undefined || outer === undefined) continue;
    const [out, width] = shape;
    if (shape.length !== 2 || inner.length !== options.rank * width! || outer.length !== out! * options.rank) break;
    left.delete(a);
    left.delete(b);
    modules += 1;
  }
  const [foreign] = left;
  if (foreign === undefined && modules > 0) return modules;
  throw new OperatorError(
    foreign === undefined
      ? `${adapter} holds no adapters.`
      : `${adapter} is of another model: ${base} has no linear for ${foreign}, or one of another shape.`,
    "Give the base that the adapter was trained on.",
  );
}
