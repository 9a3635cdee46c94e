/** `finetune mine train`: fine-tunes a model on what a competition asks. */
import { OperatorError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { log } from "../base/log.ts";
import { drawArithmetic } from "../data/generated/arithmetic.ts";
import { command } from "./command.ts";
import { competitionFileArg, loadCompetitions } from "./competitions.ts";
import { print, printJson } from "./output.ts";
import { decimal, integer } from "./values.ts";

export default command({
  summary: "fine-tune a model on what a competition asks",
  examples: [
    {
      line: "mine train --base ./base --out ./mine --competitions demo --competition 1 --steps 200",
      explains: "200 steps on the demonstration's task, all parameters",
    },
    {
      line: "mine train --base ./base --out ./mine --lora-rank 16 --lr 1e-3 --steps 500",
      explains: "the same with adapters of rank 16, merged into the result",
    },
  ],
  args: {
    base: { type: "string", valueHint: "DIR", required: true, description: "the model to start from" },
    out: { type: "string", valueHint: "DIR", required: true, description: "where the trained model is written" },
    competitions: { ...competitionFileArg, default: "demo" },
    competition: { type: "string", valueHint: "ID", default: "1", description: "whose task is learnt" },
    "lora-rank": {
      type: "string",
      valueHint: "N",
      description: "train adapters of this rank instead of all parameters",
    },
    "lora-alpha": { type: "string", valueHint: "X", default: "32", description: "adapters count alpha / rank" },
    lr: { type: "string", valueHint: "X", default: "3e-3", description: "the peak learning rate" },
    warmup: { type: "string", valueHint: "STEPS", default: "20", description: "steps until the peak" },
    schedule: {
      type: "enum",
      options: ["cosine", "linear", "constant"],
      default: "cosine",
      description: "after the warm-up",
    },
    steps: { type: "string", valueHint: "N", default: "200", description: "updates" },
    batch: { type: "string", valueHint: "N", default: "64", description: "examples an update" },
    seed: { type: "string", valueHint: "N", default: "1", description: "of the data and of adapters" },
    threads: { type: "string", valueHint: "N", description: "cores (default: all)" },
    json: { type: "boolean", description: "print every step and the result as lines of JSON" },
  },
  async run(args) {
    const { trainModel } = await import("../miner/training.ts");
    const digitsMax = await arithmeticOf(args.competitions, integer(args.competition, { flag: "competition", min: 1 }));
    const steps = integer(args.steps, { flag: "steps", min: 1 });
    const threads = args.threads === undefined ? {} : { threads: integer(args.threads, { flag: "threads", min: 1 }) };
    const result = await trainModel({
      base: args.base,
      out: args.out,
      method: methodOf(args["lora-rank"], args["lora-alpha"]),
      schedule: {
        kind: args.schedule as "cosine" | "linear" | "constant",
        peak: decimal(args.lr, { flag: "lr", min: 0 }),
        warmupSteps: integer(args.warmup, { flag: "warmup", min: 0 }),
        totalSteps: steps,
      },
      batchExamples: integer(args.batch, { flag: "batch", min: 1 }),
      weightDecay: 0.01,
      gradientNormMax: 1,
      seed: BigInt(integer(args.seed, { flag: "seed" })),
      draw: (random, count) => drawArithmetic(random, count, { digitsMax }),
      ...threads,
      signal: onInterrupt(),
      onStep: (step) => {
        if (args.json) printJson({ kind: "step", ...step });
        else if (step.step % 50 === 0 || step.step === step.steps)
          log.info(
            `step ${step.step} of ${steps}: loss ${step.lossNatsMean.toFixed(4)}, ${step.tokensPerSecond.toFixed(0)} tokens/s`,
          );
      },
    });
    if (args.json) printJson({ kind: "trained", ...result });
    else print(`${result.out}: loss ${result.lossNatsMean.toFixed(4)} on examples that were held out`);
  },
});

function methodOf(rankText: string | undefined, alphaText: string) {
  if (rankText === undefined) return { kind: "full" as const };
  const rank = integer(rankText, { flag: "lora-rank", min: 1 });
  const alpha = decimal(alphaText, { flag: "lora-alpha", min: 0 });
  return { kind: "lora" as const, rank, alpha, rankStabilised: false, dropout: 0, targets: "all-linear" as const };
}

async function arithmeticOf(competitions: string, id: number): Promise<number> {
  const file = await loadCompetitions(competitions);
  const competition = file.schedule.flatMap((period) => period.competitions).find((one) => one.id === id);
  if (competition === undefined)
    throw new OperatorError(`${competitions} has no competition ${id}.`, "See `finetune competition list`.");
  const source = competition.tasks.map((task) => task.source).find(({ kind }) => kind === "arithmetic");
  if (source?.kind !== "arithmetic")
    throw new OperatorError(
      `Competition ${id} has no task that examples can be generated for.`,
      "Only the demonstration's arithmetic is generated; competition files are in `finetune competition list`.",
    );
  return source.digitsMax;
}
