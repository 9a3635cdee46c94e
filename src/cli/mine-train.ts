/** `finetune mine train`: fine-tunes a model on a file, a folder, or what a competition asks. */
import { OperatorError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { openAdapter } from "../miner/adapter-start.ts";
import { endlessSource } from "../miner/run-data.ts";
import { trainModel } from "../miner/training.ts";
import type { TrainingSource } from "../miner/training-options.ts";
import { command } from "./command.ts";
import { competitionFileArg, competitionIdOf, loadCompetitions } from "./competitions.ts";
import { trainingProgress } from "./mine-progress.ts";
import { print, printJson } from "./output.ts";
import { trainingArgs, trainingOptionsOf } from "./training-args.ts";

export default command({
  summary: "fine-tune a model on your data or on what a competition asks",
  examples: [
    {
      line: "mine train --base ./base --data ./talks.jsonl --lora-rank 16 --epochs 3 --out ./mine",
      explains: "three passes over conversations, prompts with completions, or texts, with adapters merged at the end",
    },
    {
      line: "mine train --base ./base --adapter ./mine.adapter --data ./more.jsonl --epochs 1 --out ./better",
      explains: "one more pass over other data, from the adapters that a training or PEFT has made",
    },
    {
      line: "mine train --base ./base --out ./mine --competitions demo --competition 1 --steps 200 --batch 64 --lr 3e-3",
      explains:
        "200 steps on the demonstration's task, all parameters of a tiny model; after an interruption the same line goes on",
    },
  ],
  outlivesReaders: true,
  keepsFreedMemory: true,
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
    adapter: {
      type: "string",
      valueHint: "DIR",
      description: "go on from these adapters of the base, as PEFT or a training before has written them",
    },
    ...trainingArgs,
    json: { type: "boolean", description: "print every step and the result as lines of JSON" },
  },
  async run(args) {
    const adapter = args.adapter === undefined ? null : await openAdapter(args.adapter);
    const training = trainingOptionsOf(args, adapter?.options ?? null);
    const progress = trainingProgress({ json: args.json ?? false });
    try {
      const result = await trainModel({
        base: args.base,
        out: args.out,
        source: await sourceOf(args.data, args.competitions, args.competition),
        ...training,
        adapter,
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

async function sourceOf(data: string | undefined, competitions: string, competition: string): Promise<TrainingSource> {
  if (data !== undefined) return { kind: "files", path: data };
  const id = competitionIdOf(competition);
  const file = await loadCompetitions(competitions);
  const found = file.schedule.flatMap((period) => period.competitions).find((one) => one.id === id);
  if (found === undefined)
    throw new OperatorError(
      `There is no competition ${id} in ${competitions}.`,
      "Name those that have it with --competitions; `finetune competition list` shows them.",
    );
  const source = endlessSource(found);
  if (source !== undefined) return source;
  throw new OperatorError(
    `Competition ${id} has no task that exercises can be generated for.`,
    "Give --data; `finetune mine run` draws from the competition's own sources.",
  );
}
