/** Golden models: losses token by token, and greedy continuations, through the engine in this process. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isInvalid } from "../../src/base/invalid.ts";
import { type Engine, openEngine } from "../../src/eval/engine.ts";

export interface FamilyResult {
  readonly family: string;
  readonly cases: number;
  /** The largest |Δ NLL| of any token, in nats. */
  readonly worst: number;
  readonly problems: readonly string[];
}

/** Of the golden README. */
const tolerance = 1e-4;

interface Golden {
  readonly sequences: readonly (readonly number[])[];
  readonly results: readonly { readonly nll: readonly number[] }[];
  readonly prompt: readonly number[];
  readonly greedy?: readonly number[];
  readonly greedy_rep_1_1?: readonly number[];
  readonly greedy_rep_1_2?: readonly number[];
}

/**
 * Checks every model of `<goldenFolder>/models`, or those named in `only`.
 * @param onModel told each model as it is done, with what falls short
 */
export async function checkModels(
  goldenFolder: string,
  options: {
    only?: readonly string[];
    onModel?: (name: string, worst: number, problems: readonly string[]) => void;
  } = {},
): Promise<FamilyResult> {
  const folder = join(goldenFolder, "models");
  const names = readdirSync(folder).filter((name) => options.only?.includes(name) ?? true);
  const problems: string[] = [];
  let worst = 0;
  for (const name of names) {
    const result = await checkModel(join(folder, name));
    worst = Math.max(worst, result.worst);
    problems.push(...result.problems.map((problem) => `${name}: ${problem}`));
    options.onModel?.(name, result.worst, result.problems);
  }
  return { family: "models", cases: names.length, worst, problems };
}

async function checkModel(folder: string): Promise<{ worst: number; problems: string[] }> {
  const golden = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as Golden;
  const engine = await openEngine(folder);
  if (isInvalid(engine)) return { worst: 0, problems: [engine.detail] };
  try {
    const { worst, problems } = await checkLosses(engine, golden);
    return { worst, problems: [...problems, ...(await checkGeneration(engine, golden))] };
  } finally {
    await engine.close();
  }
}

async function checkLosses(engine: Engine, golden: Golden): Promise<{ worst: number; problems: string[] }> {
  const samples = golden.sequences.map((ids) => ({ kind: "loss", ids, scoredFrom: 0 }) as const);
  const outcomes = await engine.score(samples);
  const problems: string[] = [];
  let worst = 0;
  for (const [index, outcome] of outcomes.entries()) {
    const wanted = golden.results[index]!.nll;
    if (outcome.kind === "failed") problems.push(`sequence ${index}: ${outcome.reason}: ${outcome.detail}`);
    else if (outcome.nll.length !== wanted.length) problems.push(`sequence ${index}: ${outcome.nll.length} losses`);
    else for (const [token, nll] of outcome.nll.entries()) worst = Math.max(worst, Math.abs(nll - wanted[token]!));
  }
  if (worst > tolerance) problems.push(`worst |Δ nll| ${worst.toExponential(2)}`);
  return { worst, problems };
}

async function checkGeneration(engine: Engine, golden: Golden): Promise<string[]> {
  const problems: string[] = [];
  const penalties = { greedy: 1, greedy_rep_1_1: 1.1, greedy_rep_1_2: 1.2 } as const;
  for (const [key, repetitionPenalty] of Object.entries(penalties)) {
    const wanted = golden[key as keyof typeof penalties];
    if (wanted === undefined) continue;
    const sample = {
      kind: "generation",
      prompt: golden.prompt,
      newTokensMax: wanted.length,
      repetitionPenalty,
      endIds: [],
    } as const;
    const [outcome] = await engine.generate([sample]);
    if (outcome?.kind !== "generation") problems.push(`${key}: ${outcome?.detail}`);
    else if (outcome.ids.join() !== wanted.join()) problems.push(`${key} differs`);
  }
  return problems;
}
