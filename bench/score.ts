/**
 * How fast scoring is, as a part of what the matrix kernel does in the same minute (gemm-peak.ts): long sequences, and
 * short samples of which only the end is scored.
 *
 *     bun bench/score.ts MODEL [--lengths 1024,4096] [--repeats 5] [--widen load|run] [--peer SCRIPT --python PYTHON]
 *
 * Parameters are widened when the session is made (`--widen load`), as the engine does it for requests of 2048 tokens and
 * more. The model's runs and the peak's take turns and the best of each counts, since a machine that does other things as
 * well makes both slower, and neither faster. A peer is a script `SCRIPT MODEL DTYPE LENGTH COUNT` that prints a line.
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { isInvalid } from "../src/base/invalid.ts";
import { renderTable } from "../src/cli/output.ts";
import { type Engine, openEngine } from "../src/eval/engine.ts";
import type { LossSample } from "../src/eval/sample.ts";
import { scoringFlop } from "./flop.ts";
import { type GemmPeak, openGemmPeak } from "./gemm-peak.ts";

export interface ScoreFigures {
  readonly what: string;
  readonly tokens: number;
  readonly secondsBest: number;
  readonly flopPerSecond: number;
  readonly peakFlopPerSecond: number;
}

const peakRunsPerRun = 5;

/** Scores the samples `repeats` times in turn with the peak. */
export async function benchScore(
  { engine, peak }: { readonly engine: Engine; readonly peak: GemmPeak },
  { what, samples, repeats }: { what: string; samples: readonly LossSample[]; repeats: number },
): Promise<ScoreFigures> {
  const seconds: number[] = [];
  const peaks: number[] = [];
  for (let turn = 0; turn < repeats; turn++) {
    const start = performance.now();
    const outcomes = await engine.score(samples);
    seconds.push((performance.now() - start) / 1000);
    const failed = outcomes.find((outcome) => outcome.kind === "failed");
    if (failed !== undefined) throw new Error(failed.detail);
    for (let run = 0; run < peakRunsPerRun; run++) peaks.push(await peak.measure());
  }
  const secondsBest = Math.min(...seconds);
  const flop = samples
    .map(({ ids, scoredFrom }) => ({ tokens: ids.length, scored: ids.length - Math.max(scoredFrom, 1) }))
    .reduce((sum, sizes) => sum + scoringFlop(engine.model, sizes), 0);
  const tokens = samples.reduce((sum, { ids }) => sum + ids.length, 0);
  return { what, tokens, secondsBest, flopPerSecond: flop / secondsBest, peakFlopPerSecond: Math.max(...peaks) };
}

/** Tokens without meaning, the same in every run. */
export function randomSample(vocabulary: number, tokens: number, seed: number, scoredFrom = 0): LossSample {
  let state = seed;
  const ids = Array.from({ length: tokens }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % vocabulary;
  });
  return { kind: "loss", ids, scoredFrom };
}

/** `count` samples of 20 to 200 tokens, the last third of each scored. */
export function shortSamples(vocabulary: number, count: number): LossSample[] {
  return Array.from({ length: count }, (_, index) => {
    const tokens = 20 + ((index * 97) % 181);
    return randomSample(vocabulary, tokens, index + 1, Math.floor((tokens * 2) / 3));
  });
}

function scoreTable(figures: readonly ScoreFigures[]): string {
  const giga = (value: number) => (value / 1e9).toFixed(0);
  return renderTable(
    ["", "tokens", "s", "tokens/s", "GFLOP/s", "peak", "ratio"],
    figures.map(({ what, tokens, secondsBest, flopPerSecond, peakFlopPerSecond }) => [
      what,
      tokens,
      secondsBest.toFixed(2),
      (tokens / secondsBest).toFixed(0),
      giga(flopPerSecond),
      giga(peakFlopPerSecond),
      (flopPerSecond / peakFlopPerSecond).toFixed(2),
    ]),
  );
}

/** Prints what a peer's script says of the same lengths, in the two types that it may compute in. */
function runPeer({
  python,
  script,
  model,
  lengths,
}: {
  python: string;
  script: string;
  model: string;
  lengths: readonly number[];
}) {
  for (const length of lengths)
    for (const dtype of ["float32", "bfloat16"]) {
      const { stdout, stderr, status } = spawnSync(python, [script, model, dtype, String(length), "4"], {
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`the peer ended with ${status}: ${stderr.slice(-500)}`);
      process.stdout.write(`peer: ${stdout}`);
    }
}

/** From nothing to the first loss, as a single short text is scored; the file is in the page cache the second time. */
async function benchFirstLoss(model: string): Promise<void> {
  const seconds: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const start = performance.now();
    const engine = await openEngine(model);
    if (isInvalid(engine)) throw new Error(engine.detail);
    await engine.score([randomSample(engine.model.vocabulary, 20, 1)]);
    seconds.push((performance.now() - start) / 1000);
    await engine.close();
  }
  process.stdout.write(`load ${loadavg()[0]!.toFixed(1)}; first loss after ${Math.min(...seconds).toFixed(2)} s\n`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      lengths: { type: "string", default: "1024,4096" },
      short: { type: "string", default: "400" },
      repeats: { type: "string", default: "5" },
      widen: { type: "string", default: "load" },
      peer: { type: "string" },
      python: { type: "string", default: process.env.PYTHON ?? "python3" },
    },
  });
  const [model] = positionals;
  if (model === undefined) throw new Error("usage: bun bench/score.ts MODEL [--lengths 1024,4096] [--short 400] …");
  const lengths = values.lengths
    .split(",")
    .map(Number)
    .filter((length) => length > 0);
  await benchFirstLoss(model);
  const widen = values.widen === "run" ? "run" : "load";
  const engine = await openEngine(model, { widen });
  if (isInvalid(engine)) throw new Error(engine.detail);
  const { vocabulary } = engine.model;
  await using peak = await openGemmPeak();
  const repeats = Number(values.repeats);
  const figures: ScoreFigures[] = [];
  for (const length of lengths) {
    const samples = [randomSample(vocabulary, length, 7)];
    figures.push(await benchScore({ engine, peak }, { what: `1 × ${length}`, samples, repeats }));
  }
  const count = Number(values.short);
  if (count > 0) {
    const samples = shortSamples(vocabulary, count);
    figures.push(
      await benchScore({ engine, peak }, { what: `${count} short`, samples, repeats: Math.min(repeats, 3) }),
    );
  }
  process.stdout.write(`${scoreTable(figures)}\nload ${loadavg()[0]!.toFixed(1)}\n`);
  await engine.close();
  if (values.peer !== undefined) runPeer({ python: values.python, script: values.peer, model, lengths });
}

if (import.meta.main) await main();
