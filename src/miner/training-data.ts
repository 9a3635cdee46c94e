/**
 * What a training learns from: a file or folder of the operator's, or exercises that a competition generates. Batches
 * are a function of the seed and the step alone, so that a training that is interrupted goes on with the same ones.
 */
import { createHash } from "node:crypto";
import { OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import type { Message, TextItem } from "../eval/protocol.ts";
import { timeInTemplates } from "../eval/questions.ts";
import type { TextEntry } from "../eval/text-entries.ts";
import type { TextTools } from "../eval/text-tools.ts";
import { countedTokens, type Example } from "../train/batch.ts";
import { readMaterials } from "./materials.ts";

/** A prompt and what should follow it, as text. */
export interface Exercise {
  readonly context: string;
  readonly reference: string;
}

export interface Curriculum {
  /** The examples of a step, counted from 1. */
  readonly batch: (step: number) => Promise<readonly Example[]>;
  /** Never trained on. */
  readonly heldOut: readonly Example[];
  /** Steps until every example was seen once; null: examples are made afresh for ever. */
  readonly stepsPerPass: number | null;
  /** Of the longest example; where examples are made afresh, of those that are held out. */
  readonly tokensMax: number;
  /** The same for the same data. */
  readonly digest: string;
  /** What was done to what did not fit; null where nothing was. */
  readonly notice: string | null;
}

interface Preparation {
  readonly tools: TextTools;
  readonly seed: bigint;
  readonly examplesPerStep: number;
  readonly sequenceTokensMax: number;
}

/** Exercises that are drawn afresh for every step; the held-out ones differ from all of them by their seed's text. */
export async function generatedCurriculum(
  draw: (random: Random, count: number) => readonly Exercise[],
  name: string,
  { tools, seed, examplesPerStep, sequenceTokensMax }: Preparation,
): Promise<Curriculum> {
  const drawn = async (seedText: string, count: number) => {
    const materials = draw(new Random(seedText), count).map(
      ({ context, reference }): TextEntry => ({ kind: "completion", prompt: context, completion: reference }),
    );
    return (await examplesOf(materials, tools, sequenceTokensMax)).examples;
  };
  const heldOut = await drawn(`held out of ${seed}`, 64);
  return {
    batch: (step) => drawn(`step ${step} of ${seed}`, examplesPerStep),
    heldOut,
    stepsPerPass: null,
    tokensMax: longestOf(heldOut),
    digest: name,
    notice: null,
  };
}

/** One part in `heldOutParts` of the examples, at least one where there are several, is kept for measuring. */
const heldOutParts = 20;
const heldOutMax = 200;

/** A file or folder. Throws `OperatorError` where nothing of it can be learnt. */
export async function fileCurriculum(path: string, preparation: Preparation): Promise<Curriculum> {
  const { tools, seed, examplesPerStep, sequenceTokensMax } = preparation;
  const materials = await readMaterials(path);
  if (materials.length === 0)
    throw new OperatorError(
      `${path} holds no sample: nothing to learn.`,
      "Give --data a .jsonl file, a text, or a folder of .jsonl, .txt or .md files.",
    );
  const { examples, cut, dropped, empty } = await examplesOf(materials, tools, sequenceTokensMax);
  if (examples.length === 0)
    throw new OperatorError(
      `${path} holds nothing to learn: of its samples, ${empty} have an empty response and ${dropped} a prompt of ${sequenceTokensMax} tokens or more.`,
      dropped > 0 ? "Give a larger --seq, or other --data." : "Give other --data.",
    );
  const order = shuffled(examples, `held out of ${seed}`);
  const heldOutCount =
    order.length < 2 ? 0 : Math.min(heldOutMax, Math.max(1, Math.floor(order.length / heldOutParts)));
  const [heldOut, learnt] = [order.slice(0, heldOutCount), order.slice(heldOutCount)];
  const perStep = Math.min(examplesPerStep, learnt.length);
  let lastPass: { pass: number; order: readonly Example[] } = { pass: -1, order: [] };
  return {
    async batch(step) {
      return Array.from({ length: perStep }, (_, index) => {
        const place = (step - 1) * perStep + index;
        return passOf(Math.floor(place / learnt.length))[place % learnt.length]!;
      });
    },
    heldOut,
    stepsPerPass: Math.ceil(learnt.length / perStep),
    tokensMax: longestOf(examples),
    digest: createHash("sha256").update(JSON.stringify(examples)).digest("hex"),
    notice: noticeOf({ cut, dropped, empty }, sequenceTokensMax),
  };

  /** Every pass over the data has an order of its own. */
  function passOf(pass: number): readonly Example[] {
    if (pass !== lastPass.pass) lastPass = { pass, order: shuffled(learnt, `pass ${pass} of ${seed}`) };
    return lastPass.order;
  }
}

function longestOf(examples: readonly Example[]): number {
  return examples.reduce((most, { ids }) => Math.max(most, ids.length), 0);
}

function shuffled<T>(items: readonly T[], seed: string): T[] {
  const order = [...items];
  new Random(seed).shuffle(order);
  return order;
}

interface Prepared {
  readonly examples: readonly Example[];
  /** Samples whose end did not fit. */
  readonly cut: number;
  /** Samples whose prompt alone did not fit. */
  readonly dropped: number;
  /** Samples without a token to learn. */
  readonly empty: number;
}

function noticeOf({ cut, dropped, empty }: Omit<Prepared, "examples">, sequenceTokensMax: number): string | null {
  const parts = [
    cut > 0 ? `${cut} longer than ${sequenceTokensMax} tokens were cut` : "",
    dropped > 0 ? `${dropped} whose prompt fills ${sequenceTokensMax} tokens were left out` : "",
    empty > 0 ? `${empty} with an empty response were left out` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? null : `Of the samples ${parts.join(", ")}.`;
}

/** Tokenises as the validators' tasks do: a prompt and its completion apart, a conversation by the model's template. */
async function examplesOf(
  materials: readonly TextEntry[],
  tools: TextTools,
  sequenceTokensMax: number,
): Promise<Prepared> {
  const examples: Example[] = [];
  const count = { cut: 0, dropped: 0, empty: 0 };
  const keep = (ids: readonly number[], scoredFrom: number) => {
    const example = { ids: ids.slice(0, sequenceTokensMax), scoredFrom };
    if (countedTokens({ ids, scoredFrom }) === 0) count.empty += 1;
    else if (countedTokens(example) === 0) count.dropped += 1;
    else {
      if (ids.length > sequenceTokensMax) count.cut += 1;
      examples.push(example);
    }
  };
  for (const material of materials) {
    if (material.kind === "completion") {
      const [prompt, completion] = [
        await encode(tools, { kind: "text", text: material.prompt, addSpecialTokens: true }),
        await encode(tools, { kind: "text", text: material.completion, addSpecialTokens: false }),
      ];
      keep([...prompt, ...completion], prompt.length);
    } else if (material.kind === "messages") {
      for (const { whole, prompt } of await answersOf(material.messages, tools)) keep(whole, prompt);
    } else {
      // A long text is several examples, of which each begins anew.
      const ids = await encode(tools, { kind: "text", text: material.text, addSpecialTokens: true });
      for (let start = 0; start === 0 || start + 1 < ids.length; start += sequenceTokensMax)
        keep(ids.slice(start, start + sequenceTokensMax), 1);
    }
  }
  return { examples, ...count };
}

/** Each answer of the assistant after all that was said before it: only the answer is learnt. */
async function answersOf(
  messages: readonly Message[],
  tools: TextTools,
): Promise<{ readonly whole: readonly number[]; readonly prompt: number }[]> {
  const answers: { whole: readonly number[]; prompt: number }[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role !== "assistant") continue;
    const before = { kind: "chat", messages: messages.slice(0, index), addGenerationPrompt: true } as const;
    const through = { kind: "chat", messages: messages.slice(0, index + 1), addGenerationPrompt: false } as const;
    const isEmpty = typeof message.content === "string" && message.content.trim() === "";
    const prompt = (await encode(tools, before)).length;
    answers.push({ whole: isEmpty ? [] : await encode(tools, through), prompt });
  }
  return answers;
}

async function encode(tools: TextTools, item: TextItem): Promise<readonly number[]> {
  const result = await tools.encode(item, timeInTemplates);
  if (isInvalid(result) || result.kind === "failed")
    throw new OperatorError(
      `A sample cannot be tokenised: ${result.detail}.`,
      item.kind === "chat"
        ? "Give a base with a chat template that takes these messages, or data of `prompt` and `completion`."
        : "Take another base model.",
    );
  return result.ids;
}
