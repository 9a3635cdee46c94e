/**
 * How fast scoring is, as a part of what the matrix kernel does in the same minute (gemm-peak.ts): long sequences, and
 * short samples of which only the end is scored.
 *
 *     bun bench/score.ts MODEL [--lengths 1024,4096] [--short 400] [--repeats 5] [--widen load|run]
 *         [--peer SCRIPT] [--peer-short SCRIPT] [--python PYTHON]
 *
 * Parameters are widened when the session is made (`--widen load`), as the engine does it for requests of 2048 tokens and
 * more. The model's runs and the peak's take turns and the best of each counts, since a machine that does other things as
 * well makes both slower, and neither faster; a product of the peak takes milliseconds, a run of the model seconds, so on
 * such a machine the peak's median is shown as well.
 *
 * Peers take turns with nothing and are run last, as processes of their own: `SCRIPT MODEL DTYPE LENGTH COUNT` for each
 * length and type, and for short samples `SCRIPT MODEL SHORT LONG`. Each prints a line with its tokens a second.
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { isInvalid } from "../src/base/invalid.ts";
import { renderTable } from "../src/cli/output.ts";
import { type Engine, openEngine } from "../src/eval/engine.ts";
import type { LossSample } from "../src/eval/sample.ts";
import { modelAndFlags } from "./parts/arguments.ts";
import { scoringFlop } from "./parts/flop.ts";
import { type GemmPeak, openGemmPeak } from "./parts/gemm-peak.ts";

export interface ScoreFigures {
  readonly what: string;
  readonly tokens: number;
  readonly secondsBest: number;
  readonly flopPerSecond: number;
  readonly peakFlopPerSecond: number;
  readonly peakMedianFlopPerSecond: number;
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
    process.stderr.write(`${what}: run ${turn + 1} of ${repeats}\n`);
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
  peaks.sort((a, b) => a - b);
  return {
    what,
    tokens: samples.reduce((sum, { ids }) => sum + ids.length, 0),
    secondsBest,
    flopPerSecond: flop / secondsBest,
    peakFlopPerSecond: peaks.at(-1)!,
    peakMedianFlopPerSecond: peaks[peaks.length >> 1]!,
  };
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
    ["", "tokens", "s", "tokens/s", "GFLOP/s", "peak", "ratio", "of its median"],
    figures.map(({ what, tokens, secondsBest, flopPerSecond, peakFlopPerSecond, peakMedianFlopPerSecond }) => [
      what,
      tokens,
      secondsBest.toFixed(2),
      (tokens / secondsBest).toFixed(0),
      giga(flopPerSecond),
      giga(peakFlopPerSecond),
      (flopPerSecond / peakFlopPerSecond).toFixed(2),
      (flopPerSecond / peakMedianFlopPerSecond).toFixed(2),
    ]),
  );
}

/** What a peer's script says, and how much faster ours was in the same run. */
function runPeer(python: string, args: readonly string[], figures: ScoreFigures): void {
  const { stdout, stderr, status } = spawnSync(python, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the peer ended with ${status}: ${stderr.slice(-500)}`);
  const rate = Number(/tok\/s (\d+)|\((\d+) tok\/s\)/.exec(stdout)?.slice(1).find(Boolean));
  const times = (figures.tokens / figures.secondsBest / rate).toFixed(2);
  process.stdout.write(`peer: ${stdout.trimEnd()}\n${figures.what}: ours at ${times} times its tokens/s\n`);
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
  const usage =
    "bun bench/score.ts MODEL [--lengths 1024,4096] [--short 400] [--repeats 5] [--widen load|run] [--peer SCRIPT] [--peer-short SCRIPT] [--python PYTHON]";
  const python = process.env.PYTHON ?? "python3";
  const defaults = { lengths: "1024,4096", short: "400", repeats: "5", widen: "load", python };
  const { model, flags } = modelAndFlags(usage, defaults, ["peer", "peer-short"]);
  const lengths = flags.lengths
    .split(",")
    .map(Number)
    .filter((length) => length > 0);
  await benchFirstLoss(model);
  const engine = await openEngine(model, { widen: flags.widen === "run" ? "run" : "load" });
  if (isInvalid(engine)) throw new Error(engine.detail);
  const { vocabulary } = engine.model;
  const long: ScoreFigures[] = [];
  const short: ScoreFigures[] = [];
  {
    await using peak = await openGemmPeak();
    const repeats = Number(flags.repeats);
    for (const length of lengths) {
      const samples = [randomSample(vocabulary, length, 7)];
      long.push(await benchScore({ engine, peak }, { what: `1 × ${length}`, samples, repeats }));
    }
    const count = Number(flags.short);
    if (count > 0) {
      const what = `${count} short`;
      const samples = shortSamples(vocabulary, count);
      short.push(await benchScore({ engine, peak }, { what, samples, repeats: Math.min(repeats, 3) }));
    }
  }
  process.stdout.write(`${scoreTable([...long, ...short])}\nload ${loadavg()[0]!.toFixed(1)}\n`);
  await engine.close();
  const { peer, "peer-short": peerShort } = flags;
  if (peer !== undefined)
    for (const [index, figures] of long.entries())
      for (const dtype of ["float32", "bfloat16"])
        runPeer(flags.python, [peer, model, dtype, String(lengths[index]), "4"], figures);
  if (peerShort !== undefined)
    for (const figures of short) runPeer(flags.python, [peerShort, model, flags.short, "0"], figures);
}

if (import.meta.main) await main();
