/** Writes a trained model as a folder that any loader reads: one model.safetensors beside the base's other files. */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import type { JsonObject } from "../base/json.ts";
import type { ModelFolder } from "../model/folder.ts";
import type { TensorDtype } from "../model/safetensors.ts";
import { narrow, type TensorToWrite, widen, writeSafetensors } from "../model/safetensors-writer.ts";
import { loraNames, loraScale } from "./lora.ts";
import type { Method } from "./objective.ts";
import { readTensor } from "./read-tensor.ts";

/** Files beside the parameters that belong to a model; everything else of a base's folder stays behind. */
const companions = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

export interface SaveOptions {
  readonly base: ModelFolder;
  readonly method: Method;
  /** The trained tensors, by name. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Made when absent. */
  readonly out: string;
  /** Of the parameters; null: each as it is stored in the base. */
  readonly dtype: TensorDtype | null;
}

/** Writes the model; adapters are merged: W + scale · B·A, in f32, then rounded once to the stored type. */
export async function saveModel({ base, method, values, out, dtype }: SaveOptions): Promise<void> {
  await mkdir(out, { recursive: true });
  const tensors = [...base.tensors].map(([name, tensor]): TensorToWrite => {
    const stored = dtype ?? (tensor.dtype as TensorDtype);
    const bytes = async () => {
      const full = method.kind === "full" ? values.get(name) : undefined;
      if (full !== undefined) return narrow(full, stored);
      const original = await readTensor(tensor);
      const adapter = method.kind === "lora" ? findProduct(name, values) : undefined;
      if (adapter === undefined && stored === tensor.dtype) return original;
      const wide = widen(original, tensor.dtype as TensorDtype);
      if (adapter !== undefined && method.kind === "lora") addProduct(wide, adapter, tensor.shape, loraScale(method));
      return narrow(wide, stored);
    };
    return { name, dtype: stored, shape: tensor.shape, bytes };
  });
  const present = await readdir(base.path);
  for (const name of companions) if (present.includes(name)) await copyFile(join(base.path, name), join(out, name));
  // transformers rounds what it loads to the type that the config names.
  if (dtype !== null)
    await writeFile(join(out, "config.json"), `${JSON.stringify(withDtype(base.config, dtype), null, 2)}\n`);
  await writeSafetensors(join(out, "model.safetensors"), tensors);
}

const dtypeNames: Readonly<Record<TensorDtype, string>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/** Both spellings of transformers' releases, as far as the config has them; the older one where it has none. */
function withDtype(config: JsonObject, dtype: TensorDtype): JsonObject {
  const keys = ["torch_dtype", "dtype"].filter((key) => key in config);
  const named = (keys.length === 0 ? ["torch_dtype"] : keys).map((key) => [key, dtypeNames[dtype]]);
  return { ...config, ...Object.fromEntries(named) };
}

interface Product {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

function findProduct(tensor: string, values: ReadonlyMap<string, Float32Array>): Product | undefined {
  const names = loraNames(tensor.replace(/\.weight$/, ""));
  const [a, b] = [values.get(names.a), values.get(names.b)];
  return a === undefined || b === undefined ? undefined : { a, b };
}

/** weight [out, in] += scale · b [out, rank] · a [rank, in] */
function addProduct(weight: Float32Array, { a, b }: Product, shape: readonly number[], scale: number): void {
  const [out, width] = shape as [number, number];
  const rank = a.length / width;
  assert(b.length === out * rank, "an adapter of another shape");
  for (let row = 0; row < out; row++) {
    for (let k = 0; k < rank; k++) {
      const factor = scale * b[row * rank + k]!;
      for (let column = 0; column < width; column++)
        weight[row * width + column] = weight[row * width + column]! + factor * a[k * width + column]!;
    }
  }
}
