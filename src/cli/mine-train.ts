/** `finetune mine train`: fine-tunes a model on a file, a folder, or what a competition asks. */
import { OperatorError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { drawArithmetic } from "../data/generated/arithmetic.ts";
import type { TrainingSource } from "../miner/training.ts";
import { type LoraOptions, loraDefaults } from "../train/lora.ts";
import { type ScheduleKind, scheduleKinds } from "../train/schedule.ts";
import { command } from "./command.ts";
import { competitionFileArg, loadCompetitions } from "./competitions.ts";
import { trainingProgress } from "./mine-progress.ts";
import { print, printJson } from "./output.ts";
import { decimal, integer } from "./values.ts";

export default command({
  summary: "fine-tune a model on your data or on what a competition asks",
  examples: [
    {
      line: "mine train --base ./base --data ./talks.jsonl --lora-rank 16 --epochs 3 --out ./mine",
      explains: "three passes over conversations, prompts with completions, or texts, with adapters merged at the end",
    },
    {
      line: "mine train --base ./base --out ./mine --competitions demo --competition 1 --steps 200",
      explains: "200 steps on the demonstration's task, all parameters; after an interruption the same line goes on",
    },
  ],
  outlivesReaders: true,
  args: {
    base: { type: "string", valueHint: "DIR", required: true, description: "the model to start from" },
    out: {
      type: "string",
      valueHint: "DIR",
      required: true,
      description: "where the trained model is written; DIR.checkpoint.safetensors and DIR.adapter lie beside it",
    },
    data: {
      type: "string",
      valueHint: "PATH",
      description:
        'a .jsonl file ({"text"}, {"prompt", "completion"} or {"messages"} a line), a text file, or a folder of such; without it, the competition\'s own exercises',
    },
    competitions: { ...competitionFileArg, default: "demo" },
    competition: { type: "string", valueHint: "ID", default: "1", description: "whose task is learnt without --data" },
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
    schedule: { type: "enum", options: [...scheduleKinds], default: "cosine", description: "after the warm-up" },
    steps: { type: "string", valueHint: "N", description: "updates (default: 200)" },
    epochs: { type: "string", valueHint: "N", description: "passes over the data instead of --steps" },
    batch: { type: "string", valueHint: "N", default: "64", description: "examples a run" },
    accumulate: { type: "string", valueHint: "N", default: "1", description: "runs an update" },
    seq: { type: "string", valueHint: "TOKENS", description: "longer examples are cut (default: at most 1024)" },
    "weight-decay": { type: "string", valueHint: "X", default: "0.01", description: "decoupled from the gradient" },
    "gradient-norm": { type: "string", valueHint: "X", default: "1", description: "gradients are scaled down to it" },
    "eval-every": {
      type: "string",
      valueHint: "STEPS",
      default: "0",
      description: "measures data that is not trained on; 0: at the end",
    },
    "checkpoint-every": { type: "string", valueHint: "STEPS", default: "100", description: "how much a crash costs" },
    restart: { type: "boolean", description: "begin anew although there is a checkpoint" },
    seed: { type: "string", valueHint: "N", default: "1", description: "of the data's order and of adapters" },
    threads: { type: "string", valueHint: "N", description: "cores (default: all)" },
    json: { type: "boolean", description: "print every step and the result as lines of JSON" },
  },
  async run(args) {
    const { trainModel } = await import("../miner/training.ts");
    if (args.full && args["lora-rank"] !== undefined)
      throw new OperatorError("--full and --lora-rank exclude each other.", "Give one of them.");
    if (args.steps !== undefined && args.epochs !== undefined)
      throw new OperatorError("--steps and --epochs exclude each other.", "Give one of them.");
    const count = (flag: "batch" | "accumulate" | "checkpoint-every", min = 1) => integer(args[flag], { flag, min });
    const progress = trainingProgress({ json: args.json ?? false });
    try {
      const result = await trainModel({
        base: args.base,
        out: args.out,
        source: await sourceOf(args.data, args.competitions, args.competition),
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
        sequenceTokensMax: args.seq === undefined ? null : integer(args.seq, { flag: "seq", min: 2 }),
        weightDecay: decimal(args["weight-decay"], { flag: "weight-decay", min: 0 }),
        gradientNormMax: decimal(args["gradient-norm"], { flag: "gradient-norm", min: 0 }),
        evaluateEverySteps: integer(args["eval-every"], { flag: "eval-every", min: 0 }),
        checkpointEverySteps: count("checkpoint-every"),
        restart: args.restart ?? false,
        seed: BigInt(integer(args.seed, { flag: "seed" })),
        ...(args.threads === undefined ? {} : { threads: integer(args.threads, { flag: "threads", min: 1 }) }),
        signal: onInterrupt(),
        onEvent: progress.show,
      });
      progress.end();
      if (args.json) printJson({ kind: "trained", ...result });
      else print(`${result.out}: ${heldOut(result.lossNatsMean)}`);
    } finally {
      progress.end();
    }
  },
});

function heldOut(lossNatsMean: number | null): string {
  return lossNatsMean === null
    ? "trained; a single example leaves none to measure on"
    : `loss ${lossNatsMean.toFixed(4)} on examples that were held out`;
}

function adaptersOf(args: {
  readonly "lora-rank"?: string | undefined;
  readonly "lora-alpha": string;
  readonly "lora-dropout": string;
  readonly rslora?: boolean | undefined;
  readonly targets: string;
}): LoraOptions {
  const dropout = decimal(args["lora-dropout"], { flag: "lora-dropout", min: 0 });
  if (dropout >= 1) throw new OperatorError(`--lora-dropout ${dropout} leaves nothing.`, "Give less than 1.");
  return {
    rank: integer(args["lora-rank"] ?? "", { flag: "lora-rank", min: 1 }),
    alpha: decimal(args["lora-alpha"], { flag: "lora-alpha", min: 0 }),
    rankStabilised: args.rslora ?? false,
    dropout,
    targets: args.targets === "all-linear" ? "all-linear" : args.targets.split(",").map((name) => name.trim()),
  };
}

async function sourceOf(data: string | undefined, competitions: string, competition: string): Promise<TrainingSource> {
  if (data !== undefined) return { kind: "files", path: data };
  const id = integer(competition, { flag: "competition", min: 1 });
  const file = await loadCompetitions(competitions);
  const found = file.schedule.flatMap((period) => period.competitions).find((one) => one.id === id);
  if (found === undefined)
    throw new OperatorError(`${competitions} has no competition ${id}.`, "See `finetune competition list`.");
  const source = found.tasks.map((task) => task.source).find(({ kind }) => kind === "arithmetic");
  if (source?.kind !== "arithmetic")
    throw new OperatorError(
      `Competition ${id} has no task that exercises can be generated for.`,
      "Give --data; only the demonstration's arithmetic is generated.",
    );
  const { digitsMax } = source;
  const name = `arithmetic of ${digitsMax} digits`;
  return { kind: "generated", name, draw: (random, count) => drawArithmetic(random, count, { digitsMax }) };
}
