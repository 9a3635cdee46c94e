/** The flags of a training, which `mine train` and `mine run` share. */
import type { ParsedArgs } from "citty";
import { OperatorError } from "../base/errors.ts";
import type { TrainingOptions } from "../miner/training.ts";
import type { TensorDtype } from "../model/safetensors.ts";
import { type LoraOptions, loraDefaults } from "../train/lora.ts";
import { type ScheduleKind, scheduleKinds } from "../train/schedule.ts";
import { decimal, integer } from "./values.ts";

export const dtypeArg = {
  type: "enum",
  options: Array.from(["same", "bf16", "f32"]),
  default: "same",
  description: "how the result's parameters are stored; same: as the base's",
} as const;

export function dtypeOf(text: string): TensorDtype | null {
  return text === "bf16" ? "BF16" : text === "f32" ? "F32" : null;
}

export const trainingArgs = {
  full: { type: "boolean", description: "train all parameters (what happens without --lora-rank)" },
  "lora-rank": { type: "string", valueHint: "N", description: "train adapters of this rank instead" },
  "lora-alpha": {
    type: "string",
    valueHint: "X",
    default: String(loraDefaults.alpha),
    description: "adapters count alpha / rank",
  },
  "lora-dropout": {
    type: "string",
    valueHint: "X",
    default: String(loraDefaults.dropout),
    description: "the part of an adapter's input that is left out",
  },
  rslora: { type: "boolean", description: "adapters count alpha / √rank" },
  targets: {
    type: "string",
    valueHint: "NAMES",
    default: "all-linear",
    description: "which linears have adapters, by their last names: q_proj,v_proj",
  },
  lr: { type: "string", valueHint: "X", default: "3e-3", description: "the peak learning rate" },
  warmup: { type: "string", valueHint: "STEPS", default: "20", description: "steps until the peak" },
  schedule: { type: "enum", options: Array.from(scheduleKinds), default: "cosine", description: "after the warm-up" },
  steps: { type: "string", valueHint: "N", description: "updates (default: 200)" },
  epochs: { type: "string", valueHint: "N", description: "passes over the data instead of --steps" },
  batch: { type: "string", valueHint: "N", default: "64", description: "examples a run" },
  accumulate: { type: "string", valueHint: "N", default: "1", description: "runs an update" },
  seq: { type: "string", valueHint: "TOKENS", description: "longer examples are cut (default: at most 1024)" },
  packing: {
    type: "boolean",
    default: true,
    description:
      "examples of a run share rows of at most --seq tokens, and none sees another (--no-packing: a row each)",
  },
  "weight-decay": { type: "string", valueHint: "X", default: "0.01", description: "decoupled from the gradient" },
  "gradient-norm": { type: "string", valueHint: "X", default: "1", description: "gradients are scaled down to it" },
  "eval-every": {
    type: "string",
    valueHint: "STEPS",
    default: "0",
    description: "measures data that is not trained on; 0: at the end",
  },
  "checkpoint-every": { type: "string", valueHint: "STEPS", default: "100", description: "how much a crash costs" },
  recompute: {
    type: "enum",
    options: Array.from(["auto", "on", "off"]),
    default: "auto",
    description: "compute each layer twice and keep the activations of one alone; auto: when all would not fit",
  },
  dtype: dtypeArg,
  restart: { type: "boolean", description: "begin anew although there is a checkpoint" },
  seed: { type: "string", valueHint: "N", default: "1", description: "of the data's order and of adapters" },
  threads: { type: "string", valueHint: "N", description: "cores (default: all)" },
} as const;

type TrainingFlags = Pick<ParsedArgs<typeof trainingArgs>, keyof typeof trainingArgs>;

/** Throws `OperatorError` for flags that exclude each other or are no numbers. */
export function trainingOptionsOf(
  args: TrainingFlags,
): Omit<TrainingOptions, "base" | "out" | "source" | "signal" | "onEvent"> {
  if (args.full && args["lora-rank"] !== undefined)
    throw new OperatorError("--full and --lora-rank exclude each other.", "Give one of them.");
  if (args.steps !== undefined && args.epochs !== undefined)
    throw new OperatorError("--steps and --epochs exclude each other.", "Give one of them.");
  const count = (flag: "batch" | "accumulate" | "checkpoint-every", min = 1) => integer(args[flag], { flag, min });
  return {
    method: args["lora-rank"] === undefined ? { kind: "full" } : { kind: "lora", ...adaptersOf(args) },
    schedule: {
      kind: args.schedule as ScheduleKind,
      peak: decimal(args.lr, { flag: "lr", min: 0 }),
      warmupSteps: integer(args.warmup, { flag: "warmup", min: 0 }),
    },
    length:
      args.epochs === undefined
        ? { steps: integer(args.steps ?? "200", { flag: "steps", min: 1 }) }
        : { passes: integer(args.epochs, { flag: "epochs", min: 1 }) },
    batchExamples: count("batch"),
    accumulatedRuns: count("accumulate"),
    packing: args.packing,
    sequenceTokensMax: args.seq === undefined ? null : integer(args.seq, { flag: "seq", min: 2 }),
    weightDecay: decimal(args["weight-decay"], { flag: "weight-decay", min: 0 }),
    gradientNormMax: decimal(args["gradient-norm"], { flag: "gradient-norm", min: 0 }),
    evaluateEverySteps: integer(args["eval-every"], { flag: "eval-every", min: 0 }),
    checkpointEverySteps: count("checkpoint-every"),
    recompute: args.recompute === "auto" ? "auto" : args.recompute === "on",
    dtype: dtypeOf(args.dtype),
    restart: args.restart ?? false,
    seed: BigInt(integer(args.seed, { flag: "seed" })),
    ...(args.threads === undefined ? {} : { threads: integer(args.threads, { flag: "threads", min: 1 }) }),
  };
}

function adaptersOf(args: TrainingFlags): LoraOptions {
  const dropout = decimal(args["lora-dropout"], { flag: "lora-dropout", min: 0 });
  if (dropout >= 1) throw new OperatorError(`--lora-dropout ${dropout} leaves nothing.`, "Give less than 1.");
  return {
    rank: integer(args["lora-rank"] ?? "", { flag: "lora-rank", min: 1, max: 65_536 }),
    alpha: decimal(args["lora-alpha"], { flag: "lora-alpha", min: 0 }),
    rankStabilised: args.rslora ?? false,
    dropout,
    targets: args.targets === "all-linear" ? "all-linear" : args.targets.split(",").map((name) => name.trim()),
  };
}
