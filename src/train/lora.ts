/** Low-rank adapters (Hu et al. 2021): which linears have one, under which names, and how strongly they count. */
import type { Random } from "../base/random.ts";
import type { Trainable } from "./trainable.ts";

export interface LoraOptions {
  readonly rank: number;
  /** How strongly adapters count: alpha / rank, or alpha / √rank when `rankStabilised` (rsLoRA, Kalajdzievski 2023). */
  readonly alpha: number;
  readonly rankStabilised: boolean;
  /** The chance of a number of an adapter's input to be left out of a step, 0 … 1; the base sees all of them. */
  readonly dropout: number;
  /** Last parts of modules' names (`q_proj`), or every linear of the body. */
  readonly targets: readonly string[] | "all-linear";
}

export const loraDefaults = {
  alpha: 32,
  rankStabilised: false,
  dropout: 0,
  targets: "all-linear",
} as const satisfies Omit<LoraOptions, "rank">;

/** What B·A is multiplied with. */
export function loraScale({ rank, alpha, rankStabilised }: LoraOptions): number {
  return alpha / (rankStabilised ? Math.sqrt(rank) : rank);
}

export function isTarget(module: string, targets: LoraOptions["targets"]): boolean {
  return targets === "all-linear" || targets.some((target) => module === target || module.endsWith(`.${target}`));
}

/** The names of an adapter's tensors as PEFT writes them. */
export function loraNames(module: string): { readonly a: string; readonly b: string } {
  const prefix = `base_model.model.${module}`;
  return { a: `${prefix}.lora_A.weight`, b: `${prefix}.lora_B.weight` };
}

/** The module of an adapter's tensor: the inverse of `loraNames`. */
export function moduleOf(name: string): string {
  return name.replace(/^base_model\.model\./, "").replace(/\.lora_[AB]\.weight$/, "");
}

/**
 * The start of training: A uniform as torch's Linear (Kaiming with a = √5: ±1/√in), B zero, so that the first step sees
 * the base model unchanged.
 */
export function initialiseLora(trainables: readonly Trainable[], random: Random): Map<string, Float32Array> {
  return new Map(
    trainables.map(({ name, shape }) => {
      const values = new Float32Array(shape[0]! * shape[1]!);
      const bound = 1 / Math.sqrt(shape[1]!);
      if (name.endsWith(".lora_A.weight"))
        for (let i = 0; i < values.length; i++) values[i] = random.uniform(-bound, bound);
      return [name, values];
    }),
  );
}
