/** `finetune score`: the loss of a model on text or token ids. Flags and wiring only. */
import { stat } from "node:fs/promises";
import { FailureError, OperatorError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import type { LossSample } from "../eval/sample.ts";
import { command } from "./command.ts";
import { howComputed } from "./computation.ts";
import { type LocalModel, type ModelFlags, modelArgs, tokenizerArg } from "./model-args.ts";
import { openLocalEngine, readTokenLists } from "./model-input.ts";
import { locateModel } from "./model-source.ts";
import { print, printJson, printTable } from "./output.ts";
import { integer } from "./values.ts";

export default command({
  summary: "the loss of a model on text or token ids",
  examples: [
    { line: "score ./model --text book.txt", explains: "loss, perplexity and bits per byte of a text" },
    { line: "score namespace/name --text chats.jsonl", explains: "conversations in the model's chat template" },
    { line: "score ./model --tokens ids.json --json", explains: "the NLL of every token of [[id,…],…]" },
  ],
  args: {
    ...modelArgs,
    tokens: { type: "string", description: "token ids: [[id,…],…]", valueHint: "FILE" },
    text: {
      type: "string",
      description: "a text, or lines of JSON with text, messages, or prompt and completion",
      valueHint: "FILE",
    },
    tokenizer: tokenizerArg,
    window: { type: "string", description: "cut longer texts into windows [the model's context]", valueHint: "TOKENS" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  async run(args) {
    const signal = onInterrupt();
    const window = args.window === undefined ? undefined : integer(args.window, { flag: "window", min: 2, max: 1e9 });
    await using place = await locateModel(args, signal);
    const input = await readInput(args, place, signal);
    await using engine = await openLocalEngine(place.folder, { links: place.links, signal });
    const samples = input.cut(window ?? engine.model.contextTokens);
    const started = performance.now();
    const outcomes = await engine.score(samples, { signal });
    const seconds = (performance.now() - started) / 1000;

    const sequences = outcomes.map((outcome, index) => {
      if (outcome.kind === "failed") throw new FailureError(`Sequence ${index}: ${outcome.detail}.`);
      return { tokens: samples[index]!.ids.length, lossNatsMean: mean(outcome.nll), nll: outcome.nll };
    });
    const tokens = sequences.reduce((sum, sequence) => sum + sequence.tokens, 0);
    const nll = sequences.flatMap((sequence) => sequence.nll);
    const lossNatsMean = mean(nll);
    const { architecture, parameters } = engine.model;
    const totals = { model: args.model, architecture, parameters, tokens, lossNatsMean, seconds };
    const measures = input.bytes === undefined ? {} : textMeasures(nll, input.bytes);
    const tokensPerSecond = tokens / seconds;
    if (args.json) {
      printJson({ ...totals, tokensPerSecond, ...measures, sequences });
      return;
    }
    print(`${args.model}: ${architecture}, ${parameters} parameters; ${howComputed(engine.computation(samples))}`);
    const rows = sequences.map((sequence, index) => [index, sequence.tokens, shown(sequence.lossNatsMean)]);
    printTable(["sequence", "tokens", "loss"], [...rows, ["all", tokens, shown(lossNatsMean)]]);
    print();
    const summary = Object.values(measures).map((value) => shown(value));
    const header = input.bytes === undefined ? [] : ["perplexity", "bits per byte"];
    printTable(["loss", ...header, "tokens/s"], [[shown(lossNatsMean), ...summary, tokensPerSecond.toFixed(1)]]);
  },
});

interface Input {
  /** Texts are cut into windows; ids are taken as they are given. */
  readonly cut: (windowTokens: number) => readonly LossSample[];
  /** Of the scored text in UTF-8; ids have none. */
  readonly bytes: number | undefined;
}

async function readInput(
  args: ModelFlags & { readonly tokens?: string; readonly text?: string; readonly tokenizer?: string },
  place: LocalModel,
  signal: AbortSignal,
): Promise<Input> {
  if ((args.tokens === undefined) === (args.text === undefined))
    throw new OperatorError("Give either --text or --tokens.", "See `finetune score --help`.");
  if (args.tokens !== undefined) {
    const lists = await readTokenLists(args.tokens);
    const samples = lists.map((ids) => ({ kind: "loss", ids, scoredFrom: 0 }) as const);
    return { cut: () => samples, bytes: undefined };
  }
  const { readTextFile } = await import("../eval/text-entries.ts");
  const { cutIntoWindows, encodeEntries, openTextCoder } = await import("./text-input.ts");
  const entries = await readTextFile(args.text!);
  const { size: textBytes } = await stat(args.text!);
  await using coder = await openTextCoder(args, place, { signal, textBytes });
  const { samples, bytes } = await encodeEntries(coder, entries);
  return { cut: (windowTokens) => cutIntoWindows(samples, windowTokens), bytes };
}

/** Perplexity over tokens, and bits per byte of the text, which does not depend on the tokenizer. */
function textMeasures(nll: readonly number[], bytes: number): Readonly<Record<string, number | null>> {
  const lossNatsMean = mean(nll);
  const sumNats = nll.reduce((sum, value) => sum + value, 0);
  return {
    perplexity: lossNatsMean === null ? null : Math.exp(lossNatsMean),
    bitsPerByte: bytes === 0 ? null : sumNats / Math.LN2 / bytes,
  };
}

/** A sum in double precision over many single ones, in their order. */
function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function shown(value: number | null): string {
  return value === null ? "–" : value.toFixed(6);
}
