/** The engine on a few golden models: exact losses, the same continuations, failures that cost one sample only. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isInvalid } from "../base/invalid.ts";
import { type Engine, type EngineOptions, openEngine } from "./engine.ts";

const fixtures = join(import.meta.dir, "..", "..", "test", "fixtures", "models");

interface Golden {
  readonly sequences: readonly (readonly number[])[];
  readonly results: readonly { readonly nll: readonly number[] }[];
  readonly prompt: readonly number[];
  readonly greedy: readonly number[];
  readonly greedy_rep_1_2: readonly number[];
}

async function open(name: string, options: EngineOptions = {}): Promise<Engine & AsyncDisposable> {
  const engine = await openEngine(join(fixtures, name), { threads: 1, ...options });
  if (isInvalid(engine)) throw new Error(engine.detail);
  return { ...engine, [Symbol.asyncDispose]: () => engine.close() };
}

function goldenOf(name: string): Golden {
  return JSON.parse(readFileSync(join(fixtures, name, "golden.json"), "utf8")) as Golden;
}

async function worstDifference(engine: Engine, golden: Golden): Promise<number> {
  const outcomes = await engine.score(golden.sequences.map((ids) => ({ kind: "loss", ids, scoredFrom: 0 })));
  const differences = outcomes.flatMap((outcome, index) => {
    if (outcome.kind === "failed") throw new Error(outcome.detail);
    const wanted = golden.results[index]!.nll;
    expect(outcome.nll.length).toBe(wanted.length);
    return outcome.nll.map((nll, token) => Math.abs(nll - wanted[token]!));
  });
  return Math.max(...differences);
}

describe.each(readdirSync(fixtures))("%s", (name) => {
  const golden = goldenOf(name);

  test.each([
    { widen: "run", chunkTokens: 512 },
    { widen: "load", chunkTokens: 512 },
    { widen: "run", chunkTokens: 7 },
  ] as const)("scores every token within 1e-4: %p", async (options) => {
    await using engine = await open(name, options);
    expect(await worstDifference(engine, golden)).toBeLessThan(1e-4);
  });

  test("continues greedily, with and without a penalty", async () => {
    await using engine = await open(name);
    const sample = (penalty: number, length: number) =>
      ({
        kind: "generation",
        prompt: golden.prompt,
        newTokensMax: length,
        repetitionPenalty: penalty,
        endIds: [],
      }) as const;
    const outcomes = await engine.generate([
      sample(1, golden.greedy.length),
      sample(1.2, golden.greedy_rep_1_2.length),
    ]);
    expect(outcomes).toEqual([
      { kind: "generation", ids: golden.greedy },
      { kind: "generation", ids: golden.greedy_rep_1_2 },
    ]);
  });

  test("continues many prompts at once as it continues each alone", async () => {
    await using engine = await open(name);
    await using apart = await open(name);
    const sequence = golden.sequences.reduce((longest, ids) => (ids.length > longest.length ? ids : longest));
    const samples = Array.from({ length: 21 }, (_, index) => ({
      kind: "generation" as const,
      // Of every length, some going on from the one before, others not; some end early.
      prompt: sequence.slice(index % 3, (index % 3) + 1 + ((index * 7) % Math.min(40, sequence.length - 3))),
      newTokensMax: (index * 5) % 13,
      repetitionPenalty: index % 2 === 0 ? 1 : 1.2,
      endIds: [golden.greedy[index % 4]!],
    }));
    const told = samples.map((): number[] => []);
    const together = await engine.generate(samples, { onToken: (id, index) => told[index]!.push(id) });
    for (const [index, sample] of samples.entries()) {
      const [alone] = await apart.generate([sample]);
      expect(together[index]).toEqual(alone!);
      expect(together[index]).toEqual({ kind: "generation", ids: told[index]! });
    }
  });
});

describe("samples", () => {
  const ids = [5, 9, 13, 7, 7, 2];

  test("only the tokens from scoredFrom on are scored, and they are the same numbers", async () => {
    await using engine = await open("gemma2");
    const [all, some, none] = await engine.score([
      { kind: "loss", ids, scoredFrom: 0 },
      { kind: "loss", ids, scoredFrom: 4 },
      { kind: "loss", ids, scoredFrom: 6 },
    ]);
    if (all?.kind !== "loss" || some?.kind !== "loss") throw new Error("no loss");
    expect(all.nll.length).toBe(5);
    expect(some.nll.length).toBe(2);
    for (const [index, nll] of some.nll.entries()) expect(nll).toBeCloseTo(all.nll[3 + index]!, 5);
    expect(none).toEqual({ kind: "loss", nll: [] });
  });

  test("what one sample asks for in vain costs no other sample anything", async () => {
    await using engine = await open("gpt2");
    const tooLong = Array.from({ length: engine.model.positionsMax! + 1 }, () => 1);
    const told: number[] = [];
    const outcomes = await engine.score(
      [
        { kind: "loss", ids: [], scoredFrom: 0 },
        { kind: "loss", ids: [1, engine.model.vocabulary], scoredFrom: 0 },
        { kind: "loss", ids: [1, -1], scoredFrom: 0 },
        { kind: "loss", ids: tooLong, scoredFrom: 0 },
        { kind: "loss", ids, scoredFrom: 0 },
      ],
      { onSample: (_, index) => told.push(index) },
    );
    expect(outcomes.map((outcome) => (outcome.kind === "failed" ? outcome.reason : outcome.kind))).toEqual([
      "sample-empty",
      "token-unknown",
      "token-unknown",
      "sequence-too-long",
      "loss",
    ]);
    expect(told).toEqual([0, 1, 2, 3, 4]);
  });

  test("a continuation ends at an end-of-sequence id, which is not part of it", async () => {
    await using engine = await open("gemma2");
    const { prompt, greedy } = goldenOf("gemma2");
    const end = greedy[5]!;
    const [outcome] = await engine.generate([
      { kind: "generation", prompt, newTokensMax: 24, repetitionPenalty: 1, endIds: [end] },
    ]);
    expect(outcome).toEqual({ kind: "generation", ids: greedy.slice(0, greedy.indexOf(end)) });
  });

  test("a prompt that cannot be continued costs those that go on with it nothing", async () => {
    await using engine = await open("gpt2");
    const { prompt, greedy } = goldenOf("gpt2");
    const sample = (ids: readonly number[]) =>
      ({ kind: "generation", prompt: ids, newTokensMax: 4, repetitionPenalty: 1, endIds: [] }) as const;
    const full = Array.from({ length: engine.model.positionsMax! }, () => 1);
    const told: number[] = [];
    const outcomes = await engine.generate(
      [
        sample(prompt),
        sample([]),
        sample([engine.model.vocabulary]),
        sample([...full, 1]),
        sample(full),
        sample(prompt),
      ],
      { onSample: (_, index) => told.push(index) },
    );
    const continued = { kind: "generation", ids: greedy.slice(0, 4) } as const;
    expect(outcomes.map((outcome) => (outcome.kind === "failed" ? outcome.reason : outcome))).toEqual([
      continued,
      "sample-empty",
      "token-unknown",
      "sequence-too-long",
      { kind: "generation", ids: [] },
      continued,
    ]);
    expect(told).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("an interruption stops the work", async () => {
    await using engine = await open("gemma2");
    const controller = new AbortController();
    const scored = engine.score(
      [
        { kind: "loss", ids, scoredFrom: 0 },
        { kind: "loss", ids, scoredFrom: 0 },
      ],
      { signal: controller.signal, onSample: () => controller.abort() },
    );
    await expect(scored).rejects.toThrow();
  });
});
