/** The flags of a training, which `mine train` and `mine run` share. */
import type { ParsedArgs } from "citty";
import { OperatorError } from "../base/errors.ts";
import type { TrainingOptions } from "../miner/training-options.ts";
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

/** Usual for models of real sizes: adapters begin at nothing and bear more than what was trained before. */
const peakDefaults = { lora: "2e-4", full: "2e-5" } as const;

export const trainingArgs = {
  full: { type: "boolean", description: "train all parameters: the default, unless adapters are trained" },
  "lora-rank": { type: "string", valueHint: "N", description: "train adapters of this rank instead" },
  "lora-alpha": {
    type: "string",
    valueHint: "X",
    description: `adapters count alpha / rank (default: ${loraDefaults.alpha})`,
  },
  "lora-dropout": {
    type: "string",
    valueHint: "X",
    description: `the part of an adapter's input that is left out (default: ${loraDefaults.dropout})`,
  },
  rslora: { type: "boolean", description: "adapters count alpha / √rank" },
  targets: {
    type: "string",
    valueHint: "NAMES",
    description: `which linears have adapters, by their last names: q_proj,v_proj (default: ${loraDefaults.targets})`,
  },
  lr: {
    type: "string",
    valueHint: "X",
    description: `the peak learning rate (default: ${peakDefaults.lora} of adapters, ${peakDefaults.full} of all parameters)`,
  },
  warmup: { type: "string", valueHint: "STEPS", default: "20", description: "steps until the peak" },
  schedule: { type: "enum", options: Array.from(scheduleKinds), default: "cosine", description: "after the warm-up" },
  steps: { type: "string", valueHint: "N", description: "updates of the parameters (default: 200)" },
  epochs: {
    type: "string",
    valueHint: "N",
    description: "as long as so many passes over the data, instead of --steps",
  },
  batch: { type: "string", valueHint: "N", default: "8", description: "examples computed at once" },
  accumulate: {
    type: "string",
    valueHint: "N",
    default: "1",
    description: "batches an update: its gradients are added up over them",
  },
  seq: { type: "string", valueHint: "TOKENS", description: "longer examples are cut (default: at most 1024)" },
  packing: {
    type: "boolean",
    default: true,
    description:
      "examples of a batch share rows of at most --seq tokens, and none sees another (--no-packing: a row each)",
  },
  "weight-decay": { type: "string", valueHint: "X", default: "0.01", description: "decoupled from the gradient" },
  "gradient-norm": { type: "string", valueHint: "X", default: "1", description: "gradients are scaled down to it" },
  "eval-every": {
    type: "string",
    valueHint: "STEPS",
    default: "0",
    description: "how often the loss on held-out data is measured, as validators do; 0: at the end alone",
  },
  "checkpoint-every": {
    type: "string",
    valueHint: "STEPS",
    default: "100",
    description: "how often the training is saved: what a crash costs at most",
  },
  recompute: {
    type: "enum",
    options: Array.from(["auto", "on", "off"]),
    default: "auto",
    description:
      "compute each layer twice and keep the activations of one alone; auto: where all would not fit in memory",
  },
  dtype: dtypeArg,
  restart: { type: "boolean", description: "begin anew although there is a checkpoint" },
  seed: { type: "string", valueHint: "N", default: "1", description: "of the data's order and of adapters" },
  threads: { type: "string", valueHint: "N", description: "cores (default: all)" },
} as const;

type TrainingFlags = Pick<ParsedArgs<typeof trainingArgs>, keyof typeof trainingArgs>;

/**
 * Throws `OperatorError` for flags that exclude each other or are no numbers.
 *
 * @param continued of the adapters that are gone on from; null: none are
 */
export function trainingOptionsOf(
  args: TrainingFlags,
  continued: LoraOptions | null = null,
): Omit<TrainingOptions, "base" | "out" | "source" | "adapter" | "signal" | "onEvent"> {
  if (args.full && (continued !== null || args["lora-rank"] !== undefined))
    throw new OperatorError(
      `--full and --${continued === null ? "lora-rank" : "adapter"} exclude each other.`,
      "Give one of them.",
    );
  if (args.steps !== undefined && args.epochs !== undefined)
    throw new OperatorError("--steps and --epochs exclude each other.", "Give one of them.");
  const count = (flag: "batch" | "accumulate" | "checkpoint-every", min = 1) => integer(args[flag], { flag, min });
  const adapters = continued !== null || args["lora-rank"] !== undefined ? adaptersOf(args, continued) : null;
  const method = adapters === null ? ({ kind: "full" } as const) : ({ kind: "lora", ...adapters } as const);
  return {
    method,
    schedule: {
      kind: args.schedule as ScheduleKind,
      peak: decimal(args.lr ?? peakDefaults[method.kind], { flag: "lr", min: 0 }),
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

/** What flags do not say is the default, or that of the adapters that are gone on from, whose form cannot change. */
function adaptersOf(args: TrainingFlags, continued: LoraOptions | null): LoraOptions {
  const { "lora-rank": rank, "lora-alpha": alpha, "lora-dropout": dropout, targets } = args;
  const base = continued ?? { rank: 0, ...loraDefaults };
  const options = {
    rank: rank === undefined ? base.rank : integer(rank, { flag: "lora-rank", min: 1, max: 65_536 }),
    alpha: alpha === undefined ? base.alpha : decimal(alpha, { flag: "lora-alpha", min: 0 }),
    rankStabilised: args.rslora ?? base.rankStabilised,
    dropout: dropout === undefined ? base.dropout : decimal(dropout, { flag: "lora-dropout", min: 0 }),
    targets: targets === undefined ? base.targets : targetsOf(targets),
  };
  if (options.dropout >= 1) throw new OperatorError(`--lora-dropout ${dropout} leaves nothing.`, "Give less than 1.");
  if (continued !== null) refuseOtherForm(options, continued);
  return options;
}

function targetsOf(text: string): LoraOptions["targets"] {
  return text === "all-linear" ? text : text.split(",").map((name) => name.trim());
}

/** Dropout alone is no part of an adapter's form. */
function refuseOtherForm(wanted: LoraOptions, { rank, alpha, rankStabilised, targets }: LoraOptions): void {
  const list = (names: LoraOptions["targets"]) => [names].flat().toSorted().join(",");
  const forms = [
    ["lora-rank", wanted.rank, rank],
    ["lora-alpha", wanted.alpha, alpha],
    ["rslora", wanted.rankStabilised, rankStabilised],
    ["targets", list(wanted.targets), list(targets)],
  ] as const;
  for (const [flag, asked, present] of forms)
    if (asked !== present)
      throw new OperatorError(
        `--${flag} ${asked} does not go with --adapter, which has ${present}.`,
        `Leave --${flag} out: adapters keep their form.`,
      );
}
