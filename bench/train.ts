/**
 * How fast a model is fine-tuned: one process makes a few steps on random tokens and says its best. Given a Python with
 * torch, transformers and peft and a script that does the same, the two are run in turns, since a machine's speed moves.
 *
 *     bun bench/train.ts MODEL [--method lora,full] [--tokens 512] [--rounds 2] [--peer SCRIPT --python PYTHON]
 */
import { loadavg } from "node:os";
import { Random } from "../src/base/random.ts";
import { keepingFreedMemory } from "../src/base/self.ts";
import { renderTable } from "../src/cli/output.ts";
import { openModelFolder } from "../src/model/folder.ts";
import { readModel } from "../src/model/model.ts";
import { adamWDefaults } from "../src/train/adamw.ts";
import { loraDefaults } from "../src/train/lora.ts";
import type { Method } from "../src/train/objective.ts";
import { startingValues } from "../src/train/start.ts";
import { Trainer } from "../src/train/trainer.ts";
import { modelAndFlags } from "./parts/arguments.ts";

export interface TrainFigures {
  readonly tokensPerSecond: number;
  /** The most memory that the process had resident. */
  readonly memoryGigabytesMax: number;
  readonly peerTokensPerSecond: number | null;
  readonly peerMemoryGigabytesMax: number | null;
}

export interface BenchTrainOptions {
  /** A model's folder. */
  readonly model: string;
  readonly method: "lora" | "full";
  readonly tokens?: number;
  readonly rounds?: number;
  /** Python and a script that takes MODEL DTYPE TOKENS lora|full and prints `tok/s N` and `rss N GB`. */
  readonly peer?: { readonly python: string; readonly script: string };
}

const steps = 4;

/** Runs us and the peer in turns, each in a process of its own, and takes the best of each. */
export async function benchTrain({
  model,
  method,
  tokens = 512,
  rounds = 2,
  peer,
}: BenchTrainOptions): Promise<TrainFigures> {
  const [ours, theirs]: [Sample[], Sample[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`${method}: round ${round + 1} of ${rounds}\n`);
    ours.push(
      read(
        run([
          process.execPath,
          import.meta.path,
          model,
          "--child",
          "yes",
          "--method",
          method,
          "--tokens",
          String(tokens),
        ]),
      ),
    );
    if (peer !== undefined)
      theirs.push(read(run([peer.python, peer.script, model, "float32", String(tokens), method])));
  }
  const fastest = (samples: readonly Sample[]) => Math.max(...samples.map(({ speed }) => speed));
  const leanest = (samples: readonly Sample[]) => Math.min(...samples.map(({ gigabytes }) => gigabytes));
  return {
    tokensPerSecond: fastest(ours),
    memoryGigabytesMax: leanest(ours),
    peerTokensPerSecond: theirs.length === 0 ? null : fastest(theirs),
    peerMemoryGigabytesMax: theirs.length === 0 ? null : leanest(theirs),
  };
}

interface Sample {
  readonly speed: number;
  readonly gigabytes: number;
}

function run(command: readonly string[]): string {
  // As `finetune mine train` starts itself.
  const env = { ...process.env, ...keepingFreedMemory };
  const { exitCode, stdout } = Bun.spawnSync([...command], { env, stderr: "inherit" });
  if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}`);
  return stdout.toString();
}

function read(output: string): Sample {
  const [, speed] = /tok\/s ([\d.]+)/.exec(output) ?? [];
  const [, gigabytes] = /rss ([\d.]+)/.exec(output) ?? [];
  if (speed === undefined || gigabytes === undefined) throw new Error(`no figures in: ${output.slice(0, 200)}`);
  return { speed: Number(speed), gigabytes: Number(gigabytes) };
}

/** Runs in the child: making the session is no part of the time, the first step warms up. */
async function stepAway(path: string, kind: string, tokens: number): Promise<void> {
  const folder = await openModelFolder(path);
  if (folder.kind === "invalid") throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (model.kind === "invalid") throw new Error(model.detail);
  const method: Method = kind === "full" ? { kind } : { kind: "lora", rank: 16, ...loraDefaults };
  const options = { ...adamWDefaults, method, gradientNormMax: 1, batchExamples: 1, size: { batch: 1, tokens } };
  const trainer = await Trainer.create(folder, model, options, (trainables) =>
    startingValues(folder, method, trainables, new Random(1)),
  );
  const random = new Random(2);
  const ids = Array.from({ length: tokens }, () => random.integer(10, model.vocabulary - 1));
  let secondsMin = Infinity;
  for (let step = 0; step < steps; step++) {
    const started = performance.now();
    await trainer.step([{ ids, scoredFrom: 1 }], 1e-4);
    secondsMin = Math.min(secondsMin, (performance.now() - started) / 1000);
  }
  await trainer.close();
  const gigabytes = process.resourceUsage().maxRSS / 1e6;
  process.stdout.write(`tok/s ${(tokens / secondsMin).toFixed(1)} rss ${gigabytes.toFixed(2)}GB\n`);
}

async function main(): Promise<void> {
  const usage =
    "bun bench/train.ts MODEL [--method lora,full] [--tokens 512] [--rounds 2] [--peer SCRIPT] [--python PYTHON]";
  const python = process.env.PYTHON ?? "python3";
  const defaults = { method: "lora,full", tokens: "512", rounds: "2", python };
  const { model, flags } = modelAndFlags(usage, defaults, ["peer", "child"]);
  const tokens = Number(flags.tokens);
  if (flags.child !== undefined) return await stepAway(model, flags.method, tokens);
  const peer = flags.peer === undefined ? {} : { peer: { python: flags.python, script: flags.peer } };
  const rows: (string | number)[][] = [];
  for (const method of flags.method.split(",") as ("lora" | "full")[]) {
    const figures = await benchTrain({ model, method, tokens, rounds: Number(flags.rounds), ...peer });
    const { tokensPerSecond, memoryGigabytesMax, peerTokensPerSecond, peerMemoryGigabytesMax } = figures;
    rows.push([
      method,
      tokensPerSecond.toFixed(0),
      memoryGigabytesMax.toFixed(2),
      peerTokensPerSecond?.toFixed(0) ?? "–",
      peerMemoryGigabytesMax?.toFixed(2) ?? "–",
      peerTokensPerSecond === null ? "–" : (tokensPerSecond / peerTokensPerSecond).toFixed(2),
    ]);
  }
  const table = renderTable(["", "tokens/s", "GB", "peer's tokens/s", "peer's GB", "ratio"], rows);
  process.stdout.write(`${table}\nload ${loadavg()[0]!.toFixed(1)}\n`);
}

if (import.meta.main) await main();
