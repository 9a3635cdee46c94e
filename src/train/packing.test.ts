/** Packed rows: no example sees another, so that the loss and all gradients are those of the examples apart. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import { openEngine } from "../eval/engine.ts";
import { openModelFolder } from "../model/folder.ts";
import { readModel } from "../model/model.ts";
import { adamWDefaults } from "./adamw.ts";
import { type Example, tokensOf } from "./batch.ts";
import { loraDefaults } from "./lora.ts";
import type { Method } from "./objective.ts";
import { packRows } from "./packing.ts";
import { startingValues } from "./start.ts";
import { Trainer } from "./trainer.ts";

const fixtures = join(import.meta.dir, "../../test/fixtures");
const models: Readonly<Record<string, string>> = {
  "rotary positions": "train-vectors/train/llama",
  "rotary frequencies that depend on the length": "models/llama-rope-dynamic",
  "learned positions": "models/gpt2",
  "windows, and caps of scores": "models/gemma2",
  "rounded ALiBi": "models/falcon-alibi",
  "windows and sinks": "models/gpt-oss",
  experts: "models/qwen3-moe",
};

const lengths = [9, 5, 12, 3];
const rowTokensMax = 29;

async function measure(path: string, method: Method, options: { packed: boolean; recompute?: boolean }) {
  const folder = await openModelFolder(path, { links: "hub-cache" });
  if (isInvalid(folder)) throw new Error(folder.detail);
  const model = readModel(folder.config, folder.tensors);
  if (isInvalid(model)) throw new Error(model.detail);
  const { packed, recompute = false } = options;
  const trainer = await Trainer.create(
    folder,
    model,
    {
      ...adamWDefaults,
      method,
      recompute,
      gradientNormMax: 1,
      batchExamples: lengths.length,
      threads: 1,
      // Packed rows also in blocks of queries.
      size: { batch: lengths.length, tokens: packed ? 512 : 1 },
      ...(packed ? { rowTokensMax } : {}),
    },
    (trainables) => startingValues(folder, method, trainables, new Random(1)),
  );
  const examples = lengths.map((length, seed) => ({
    ids: Array.from({ length }, (_, at) => (7 * at + 11 * seed + 3) % model.vocabulary),
    scoredFrom: 2,
  }));
  const measured = await trainer.measure(examples);
  await trainer.close();
  return { ...measured, examples };
}

type Measured = Awaited<ReturnType<typeof measure>>;

function expectAlike(packed: Measured, apart: Measured): void {
  expect(packed.lossNatsMean).toBeCloseTo(apart.lossNatsMean, 5);
  const norms: number[] = [];
  for (const [tensor, gradient] of apart.gradients) {
    const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const off = gradient.map((value, at) => Math.abs(value - packed.gradients.get(tensor)![at]!));
    // What is zero but for rounding (a bias of keys, where softmax cancels it) has no digits to compare.
    expect(Math.max(...off)).toBeLessThan(1e-5 * Math.max(largest, 1e-3));
    norms.push(largest);
  }
  expect(Math.max(...norms)).toBeGreaterThan(1e-3);
}

describe("a packed row has the loss and gradients of its examples apart", () => {
  for (const [what, name] of Object.entries(models))
    test(what, async () => {
      const path = join(fixtures, name);
      const [packed, apart] = [
        await measure(path, { kind: "full" }, { packed: true }),
        await measure(path, { kind: "full" }, { packed: false }),
      ];
      expect([packed.rows, apart.rows]).toEqual([2, 4]);
      expectAlike(packed, apart);
      const engine = await openEngine(path, { threads: 1 });
      if (isInvalid(engine)) throw new Error(engine.detail);
      const scored = await engine.score(packed.examples.map((example) => ({ kind: "loss", ...example })));
      await engine.close();
      const nll = scored.flatMap((outcome) => (outcome.kind === "loss" ? [...outcome.nll] : [Number.NaN]));
      expect(packed.lossNatsMean).toBeCloseTo(nll.reduce((sum, one) => sum + one, 0) / nll.length, 4);
    });

  test("layer by layer, and with adapters", async () => {
    const path = join(fixtures, models["rotary positions"]!);
    const method = { kind: "lora", rank: 2, ...loraDefaults } as const;
    const apart = await measure(path, method, { packed: false });
    expectAlike(await measure(path, method, { packed: true, recompute: true }), apart);
  });
});

describe("packing", () => {
  const example = fc.record({ ids: fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }), scoredFrom: fc.constant(1) });
  const examples = fc.array(example, { minLength: 1, maxLength: 12 });
  const packing = fc.record({
    rowTokensMax: fc.integer({ min: 1, max: 200 }),
    width: fc.integer({ min: 8, max: 4096 }),
  });
  const widest = (rows: readonly (readonly Example[])[]) => Math.max(...rows.map(tokensOf));

  test("keeps every example once, whole, and no row longer than allowed unless one example is", () => {
    fc.assert(
      fc.property(examples, packing, (list, options) => {
        const rows = packRows(list, options);
        expect(new Set(rows.flat())).toEqual(new Set(list));
        expect(rows.flat()).toHaveLength(list.length);
        const longest = Math.max(...list.map(({ ids }) => ids.length));
        expect(widest(rows)).toBeLessThanOrEqual(Math.max(longest, options.rowTokensMax));
        expect(packRows([...list], options)).toEqual(rows);
      }),
    );
  });

  test("never computes more tokens than a row each would", () => {
    fc.assert(
      fc.property(examples, packing, (list, options) => {
        const rows = packRows(list, options);
        expect(rows.length * widest(rows)).toBeLessThanOrEqual(
          list.length * Math.max(...list.map(({ ids }) => ids.length)),
        );
      }),
    );
  });

  const ofLengths = (...each: readonly number[]) =>
    each.map((length) => ({ ids: Array.from({ length }, () => 1), scoredFrom: 1 }));

  test("puts short examples together where a long one sets the rows' length, and leaves equal ones in rows of their own", () => {
    const options = { rowTokensMax: 1000, width: 64 };
    expect(packRows(ofLengths(300, 900, 500, 80), options).map((row) => row.map(({ ids }) => ids.length))).toEqual([
      [900],
      [500, 300, 80],
    ]);
    expect(packRows(ofLengths(200, 200, 200), options)).toHaveLength(3);
  });
});
