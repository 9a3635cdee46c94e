/**
 * How fast prompts are continued, as multiple choice asks for it: prompts that share a beginning, twenty new tokens each;
 * all at once, and for comparison one after the other.
 *
 *     bun bench/generate.ts MODEL [--prompts 16] [--shared 600] [--own 30] [--new 20] [--repeats 3]
 *
 * The two take turns and the best of each counts. Both compute the shared beginning once, and choose the same tokens.
 */
import { loadavg } from "node:os";
import { isInvalid } from "../src/base/invalid.ts";
import { renderTable } from "../src/cli/output.ts";
import { type Engine, openEngine } from "../src/eval/engine.ts";
import type { GenerationSample } from "../src/eval/sample.ts";
import { modelAndFlags } from "./parts/arguments.ts";
import { randomSample } from "./score.ts";

const ways: Readonly<Record<string, (engine: Engine, samples: readonly GenerationSample[]) => Promise<unknown[]>>> = {
  "one after the other": async (engine, samples) => {
    const outcomes: unknown[] = [];
    for (const sample of samples) outcomes.push(...(await engine.generate([sample])));
    return outcomes;
  },
  together: (engine, samples) => engine.generate(samples),
};

async function main(): Promise<void> {
  const usage = "bun bench/generate.ts MODEL [--prompts 16] [--shared 600] [--own 30] [--new 20] [--repeats 3]";
  const defaults = { prompts: "16", shared: "600", own: "30", new: "20", repeats: "3" };
  const { model, flags } = modelAndFlags(usage, defaults);
  const engine = await openEngine(model);
  if (isInvalid(engine)) throw new Error(engine.detail);
  const ids = (tokens: number, seed: number) => randomSample(engine.model.vocabulary, tokens, seed).ids;
  const shared = ids(Number(flags.shared), 1);
  const samples = Array.from({ length: Number(flags.prompts) }, (_, index): GenerationSample => {
    const prompt = [...shared, ...ids(Number(flags.own) + (index % 8), index + 2)];
    return { kind: "generation", prompt, newTokensMax: Number(flags.new), repetitionPenalty: 1.1, endIds: [] };
  });
  const seconds = new Map(Object.keys(ways).map((way) => [way, Number.POSITIVE_INFINITY]));
  const chosen = new Set<string>();
  // The first turn makes the sessions and computes the shared beginning; it does not count.
  for (let turn = 0; turn <= Number(flags.repeats); turn++)
    for (const [way, run] of Object.entries(ways)) {
      process.stderr.write(`${way}: run ${turn} of ${flags.repeats}\n`);
      const start = performance.now();
      chosen.add(JSON.stringify(await run(engine, samples)));
      if (turn > 0) seconds.set(way, Math.min(seconds.get(way)!, (performance.now() - start) / 1000));
    }
  await engine.close();
  if (chosen.size !== 1) throw new Error("the two ways chose different tokens");
  const [slowest] = seconds.values();
  const rows = [...seconds].map(([way, best]) => [
    way,
    best.toFixed(2),
    ((samples.length * Number(flags.new)) / best).toFixed(0),
    (slowest! / best).toFixed(1),
  ]);
  process.stdout.write(`${renderTable(["", "s", "new tokens/s", "times"], rows)}\nload ${loadavg()[0]!.toFixed(1)}\n`);
}

if (import.meta.main) await main();
