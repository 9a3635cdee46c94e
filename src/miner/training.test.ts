/** Training of a tiny model: interrupted, killed, exploding, and on every kind of data. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailureError, InterruptedError, OperatorError } from "../base/errors.ts";
import { selfCommand } from "../base/self.ts";
import { drawArithmetic } from "../data/generated/arithmetic.ts";
import { openTextTools } from "../eval/text-tools.ts";
import { writeBaseModel } from "../localnet/demo/base-model.ts";
import { readAdapter } from "../train/adapter.ts";
import { loraDefaults } from "../train/lora.ts";
import { trainModel } from "./training.ts";
import { fileCurriculum } from "./training-data.ts";
import type { TrainingEvent, TrainingOptions } from "./training-options.ts";

const dir = mkdtempSync(join(tmpdir(), "training-"));
const base = join(dir, "base");
beforeAll(() => writeBaseModel(base, 1n));
afterAll(() => rmSync(dir, { recursive: true }));

function options(out: string, change: Partial<TrainingOptions> = {}): TrainingOptions {
  return {
    base,
    out: join(dir, out),
    source: {
      kind: "generated",
      name: "sums",
      draw: (random, count) => drawArithmetic(random, count, { digitsMax: 1 }),
    },
    method: { kind: "lora", rank: 4, ...loraDefaults, dropout: 0.2 },
    adapter: null,
    schedule: { kind: "cosine", peak: 1e-2, warmupSteps: 2 },
    length: { steps: 8 },
    batchExamples: 4,
    accumulatedRuns: 2,
    packing: true,
    sequenceTokensMax: 64,
    weightDecay: 0.01,
    gradientNormMax: 1,
    seed: 1n,
    evaluateEverySteps: 0,
    checkpointEverySteps: 3,
    dtype: null,
    recompute: "auto",
    restart: false,
    threads: 1,
    signal: new AbortController().signal,
    onEvent: () => {},
    ...change,
  };
}

const parametersOf = (out: string) => readFileSync(join(dir, out, "model.safetensors"));

describe("a training", () => {
  for (const method of [options("x").method, { kind: "full" } as const])
    test(`that was interrupted ends as if it had not been, bit for bit (${method.kind})`, async () => {
      const [whole, halves] = [`whole-${method.kind}`, `halves-${method.kind}`];
      await trainModel(options(whole, { method }));
      const stop = new AbortController();
      const onEvent = (event: TrainingEvent) => event.kind === "step" && event.step === 5 && stop.abort();
      await expect(trainModel(options(halves, { method, signal: stop.signal, onEvent }))).rejects.toThrow(
        InterruptedError,
      );
      const steps: number[] = [];
      await trainModel(
        options(halves, { method, onEvent: (event) => event.kind === "step" && steps.push(event.step) }),
      );
      expect(steps).toEqual([6, 7, 8]);
      expect(parametersOf(halves).equals(parametersOf(whole))).toBe(true);
      if (method.kind === "full") return;
      expect(await readAdapter(join(dir, `${halves}.adapter`))).toMatchObject({
        kind: "adapter",
        options: { rank: 4 },
      });
    });

  test("ends with the same model, but for rounding, when each layer is computed twice", async () => {
    const method = { kind: "full" } as const;
    const [whole, layered] = await Promise.all([
      trainModel(options("at-once", { method, recompute: false })),
      trainModel(options("by-layers", { method, recompute: true })),
    ]);
    expect(layered.lossNatsMean!).toBeCloseTo(whole.lossNatsMean!, 4);
  });

  test("lowers the loss of what it did not see, measured as validators do", async () => {
    const losses: (number | null)[] = [];
    const onEvent = (event: TrainingEvent) => event.kind === "evaluated" && losses.push(event.lossNatsMean);
    const change = { method: { kind: "full" }, length: { steps: 30 }, evaluateEverySteps: 10, onEvent } as const;
    losses.push((await trainModel(options("learns", change))).lossNatsMean);
    expect(losses).toHaveLength(3);
    expect(losses[2]!).toBeLessThan(losses[0]!);
  });

  test("of another kind does not go on from a checkpoint", async () => {
    const stop = new AbortController();
    const onEvent = (event: TrainingEvent) => event.kind === "step" && stop.abort();
    await expect(trainModel(options("other", { signal: stop.signal, onEvent }))).rejects.toThrow(InterruptedError);
    await expect(trainModel(options("other", { seed: 2n }))).rejects.toThrow(/differ in seed/);
    await trainModel(options("other", { seed: 2n, restart: true }));
  });

  test("does not go on from a checkpoint that was cut, and says so", async () => {
    const stop = new AbortController();
    const onEvent = (event: TrainingEvent) => event.kind === "step" && stop.abort();
    await expect(trainModel(options("cut", { signal: stop.signal, onEvent }))).rejects.toThrow(InterruptedError);
    const checkpoint = join(dir, "cut.checkpoint.safetensors");
    truncateSync(checkpoint, statSync(checkpoint).size - 1);
    await expect(trainModel(options("cut"))).rejects.toThrow(
      /cannot be gone on from: .* ends at byte \d+, the file at/,
    );
    await trainModel(options("cut", { restart: true }));
  });

  test("that explodes stops with the step and keeps the last good checkpoint", async () => {
    const wild = { method: { kind: "full" }, schedule: { kind: "constant", warmupSteps: 0 } } as const;
    const onEvent = () => {};
    const failing = trainModel(
      options("wild", { ...wild, schedule: { ...wild.schedule, peak: 1e4 }, checkpointEverySteps: 1, onEvent }),
    );
    const error = await failing.then(() => undefined).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FailureError);
    expect((error as FailureError).message).toMatch(/at step \d+/);
    expect((error as FailureError).hint).toMatch(/checkpoint of step \d+ is kept/);
  });

  test("killed at any moment loses at most one interval", async () => {
    const args = ["--base", base, "--out", join(dir, "killed"), "--steps", "200", "--batch", "4", "--threads", "1"];
    const command = [...selfCommand("mine", "train"), ...args, "--checkpoint-every", "5", "--lora-rank", "2", "--json"];
    const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    let last = 0;
    let saved = 0;
    for await (const event of eventsOf(child.stdout)) {
      if (event.kind === "checkpoint") saved = event.step;
      if (event.kind === "step") last = event.step;
      if (last >= 23) child.kill("SIGKILL");
    }
    expect(last - saved).toBeLessThanOrEqual(5);
    const next = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    for await (const event of eventsOf(next.stdout)) {
      if (event.kind !== "step") continue;
      expect(event.step).toBe(saved + 1);
      next.kill("SIGKILL");
      break;
    }
    await next.exited;
  }, 60_000);
});

test.skipIf(process.platform !== "linux")(
  "the command keeps the memory that it frees, unless told otherwise",
  async () => {
    const args = ["--base", base, "--out", join(dir, "memory"), "--steps", "200", "--batch", "4", "--json"];
    for (const [given, wanted] of [
      [{}, "-1"],
      [{ MIMALLOC_PURGE_DELAY: "10" }, "10"],
    ] as const) {
      const env = { ...process.env, ...given };
      const child = Bun.spawn([...selfCommand("mine", "train"), ...args], { env, stdout: "pipe", stderr: "inherit" });
      for await (const event of eventsOf(child.stdout)) {
        if (event.kind !== "step") continue;
        // What the process was started with, and started again.
        const environment = readFileSync(`/proc/${child.pid}/environ`, "utf8").split("\0");
        expect(environment.filter((line) => line.startsWith("MIMALLOC_"))).toEqual([`MIMALLOC_PURGE_DELAY=${wanted}`]);
        break;
      }
      child.kill("SIGKILL");
      await child.exited;
    }
  },
  60_000,
);

describe("what would be found out after hours is said at once", () => {
  const method = { kind: "lora", rank: 4, ...loraDefaults } as const;
  writeFileSync(join(dir, "a-file"), "");
  test.each([
    [
      "a target that no linear has",
      { method: { ...method, targets: ["q_proj", "c_attn"] } },
      /no linear called c_attn/,
    ],
    ["a file where the model goes", { out: join(dir, "a-file") }, /Nothing can be written to/],
    ["a folder below a file", { out: join(dir, "a-file", "below") }, /Nothing can be written to/],
    ["the base as the place of the result", { out: base }, /--out is the base/],
    ["a base that is not there", { base: join(dir, "nowhere") }, /cannot be trained: .* does not exist/],
    ["a base of an unknown kind", { base: join(dir, "unknown") }, /cannot be trained: .*FooForCausalLM/],
  ] as const)("%s", async (_, change, said) => {
    cpSync(base, join(dir, "unknown"), { recursive: true });
    const config = readFileSync(join(base, "config.json"), "utf8").replace("LlamaForCausalLM", "FooForCausalLM");
    writeFileSync(join(dir, "unknown", "config.json"), config);
    const steps: TrainingEvent[] = [];
    const error = await trainModel(options("early", { ...change, onEvent: (event) => steps.push(event) }))
      .then(() => undefined)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as Error).message).toMatch(said);
    expect(steps).toEqual([]);
  });
});

const trainArgs = (out: string, ...more: readonly string[]) =>
  selfCommand(
    ...["mine", "train", "--base", base, "--out", join(dir, out), "--batch", "4", "--threads", "1", "--json"],
    ...["--steps", "12", "--checkpoint-every", "5", ...more],
  );

async function finished(command: readonly string[]) {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return {
    code: await child.exited,
    steps: [...out.matchAll(/"step","step":(\d+)/g)].map(([, step]) => Number(step)),
    err,
  };
}

describe("a full disk", () => {
  // The largest file that the process may write stands for the room that is left; a shell sets it.
  const narrow = (kilobytes: number, command: readonly string[]) => [
    ...["bash", "-c", 'ulimit -f "$0" && exec "$@"', String(kilobytes)],
    ...command,
  ];
  const hasShell = Bun.spawnSync(narrow(1000, ["true"])).success;

  test.skipIf(!hasShell)(
    "in a checkpoint costs what was learnt since the last one, which stays as it is, and the same line goes on",
    async () => {
      const checkpoint = join(dir, "full-disk.checkpoint.safetensors");
      const child = Bun.spawn([...trainArgs("full-disk")], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
      for await (const event of eventsOf(child.stdout)) if (event.kind === "checkpoint") child.kill("SIGKILL");
      await child.exited;
      const before = readFileSync(checkpoint);
      const saved = Number(/"step":"(\d+)"/.exec(before.subarray(0, 100_000).toString("latin1"))![1]);
      const failed = await finished(narrow(Math.floor(before.length / 2048), trainArgs("full-disk")));
      expect(failed.code).toBe(1);
      expect(failed.err).toMatch(/^The checkpoint of step 10 could not be written: /);
      expect(failed.err).toContain(`The checkpoint of step ${saved} is kept: make room and run this again.`);
      expect(failed.err).not.toMatch(/\n\s+at /);
      expect(readFileSync(checkpoint).equals(before)).toBe(true);
      expect(readdirSync(dir).filter((name) => name.endsWith(".part"))).toEqual([]);
      const next = await finished(trainArgs("full-disk"));
      expect(next).toMatchObject({ code: 0 });
      expect(next.steps[0]).toBe(saved + 1);
      const [whole] = [await finished(trainArgs("room-enough"))];
      expect(whole).toMatchObject({ code: 0 });
      expect(parametersOf("full-disk").equals(parametersOf("room-enough"))).toBe(true);
    },
    60_000,
  );

  test.skipIf(!hasShell)("at the very end is a sentence too", async () => {
    const bytes = readFileSync(join(base, "model.safetensors")).length;
    const args = trainArgs("no-room", "--checkpoint-every", "100");
    const failed = await finished(narrow(Math.floor(bytes / 2048), args));
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(/^The model .* could not be written: /);
    expect(failed.err).not.toMatch(/\n\s+at /);
  });

  const small = join(dir, "small");
  mkdirSync(small);
  const mounted = (command: readonly string[]) => {
    const inner = 'mount -t tmpfs -o size=1500k none "$0" && exec "$@"';
    return ["unshare", "-rm", "bash", "-c", inner, small, ...command];
  };
  const mayMount = Bun.which("unshare") !== null && Bun.spawnSync(mounted(["true"])).success;

  test.skipIf(!mayMount)("of a file system of its own", async () => {
    const { code, err } = await finished(mounted(trainArgs("small/out", "--full")));
    expect(code).toBe(1);
    // One checkpoint has room, a second beside it has not.
    expect(err).toMatch(/^The checkpoint of step 10 could not be written: there is no space left on the disk\./);
    expect(err).toContain("The checkpoint of step 5 is kept");
  });
});

async function* eventsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<TrainingEvent> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as TrainingEvent;
  }
}

describe("data", () => {
  const prepare = async (lines: readonly unknown[], sequenceTokensMax = 16) => {
    const path = join(dir, "data.jsonl");
    writeFileSync(path, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"));
    const tools = await openTextTools(base, "refuse");
    if (tools.kind === "invalid") throw new Error(tools.detail);
    return await fileCurriculum(path, { tools, seed: 1n, examplesPerStep: 2, sequenceTokensMax });
  };

  test("scores the completion alone, cuts what is too long and leaves empty responses out", async () => {
    const { heldOut, batch, notice, stepsPerPass } = await prepare([
      { prompt: "ab", completion: "c" },
      { prompt: "ab", completion: "" },
      { prompt: "a".repeat(40), completion: "c" },
      { prompt: "ab", completion: "c".repeat(40) },
      { text: "a text" },
    ]);
    const all = [...heldOut, ...(await batch(1))];
    expect(all).toHaveLength(3);
    expect(stepsPerPass).toBe(1);
    expect(Math.max(...all.map(({ ids }) => ids.length))).toBe(16);
    expect(notice).toBe(
      "Of the samples 1 longer than 16 tokens were cut, 1 whose prompt fills 16 tokens were left out, 1 with an empty response were left out.",
    );
  });

  test("every pass has all examples in an order of its own, the same for a seed", async () => {
    const lines = Array.from({ length: 21 }, (_, index) => ({ text: `text ${index}` }));
    const [one, other] = [await prepare(lines), await prepare(lines)];
    const pass = async (curriculum: typeof one, first: number) =>
      (await Promise.all(Array.from({ length: 10 }, (_, step) => curriculum.batch(first + step)))).flat();
    const [first, second] = [await pass(one, 1), await pass(one, 11)];
    expect(first.map(({ ids }) => ids.join()).sort()).toEqual(second.map(({ ids }) => ids.join()).sort());
    expect(first).not.toEqual(second);
    expect(await pass(other, 11)).toEqual(second);
    expect(first.some(({ ids }) => ids.join() === one.heldOut[0]!.ids.join())).toBe(false);
  });

  test("a mark of the byte order is no part of the text, and bytes that are no text are refused", async () => {
    const { heldOut, batch } = await prepare(['\ufeff{"text":"abc"}', { text: "abd" }]);
    expect([...heldOut, ...(await batch(1))].map(({ ids }) => ids.length)).toEqual([3, 3]);
    const path = join(dir, "bytes.txt");
    writeFileSync(path, Buffer.from([0x61, 0xff, 0xfe, 0x62]));
    const args = { tools: undefined as never, seed: 1n, examplesPerStep: 1, sequenceTokensMax: 8 };
    await expect(fileCurriculum(path, args)).rejects.toThrow(/not a text in UTF-8/);
  });

  test("a pipe, or a device that never ends, is refused at once, in a folder too", async () => {
    const folder = join(dir, "pipes");
    mkdirSync(folder);
    Bun.spawnSync(["mkfifo", join(folder, "a.jsonl")]);
    const args = { tools: undefined as never, seed: 1n, examplesPerStep: 1, sequenceTokensMax: 8 };
    for (const path of [folder, join(folder, "a.jsonl"), "/dev/zero"])
      await expect(fileCurriculum(path, args)).rejects.toThrow(/is no file that can be read again/);
  });

  for (const [what, lines, said] of [
    ["nothing to learn", [{ prompt: "a", completion: "" }], /nothing to learn/],
    ["no sample at all", [], /nothing to learn/],
    ["a line of another form", [{ question: "a" }], /line 1/],
    ["a line that is no JSON", ["{"], /line 1/],
    ["conversations for a model without a template", [{ messages: [{ role: "assistant", content: "a" }] }], /template/],
  ] as const)
    test(`${what} is a sentence`, async () => {
      const error = await prepare(lines)
        .then(() => undefined)
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(OperatorError);
      expect((error as Error).message).toMatch(said);
    });
});
