/**
 * Text for a model: turned into ids by the model's own tokenizer and chat template or another's. Both are a stranger's and
 * work in a child process, so one that never ends is an error message here.
 */
import { FailureError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import type { ChildLimits } from "../base/process-limits.ts";
import { type ModelChild, startModelChild } from "../eval/child.ts";
import type { EncodeResult, TextItem } from "../eval/protocol.ts";
import type { LossSample } from "../eval/sample.ts";
import type { TextEntry } from "../eval/text-entries.ts";
import type { LocalModel, ModelFlags } from "./model-args.ts";
import { locateModel } from "./model-source.ts";

export interface TextSamples {
  readonly samples: readonly LossSample[];
  /** UTF-8 bytes of the text whose tokens are scored. */
  readonly bytes: number;
}

/**
 * Ids of every entry. Of a text and of messages every token is scored, of a prompt and a completion the completion's:
 * prompt and completion are tokenised apart, so that the border is a border between tokens.
 */
export async function encodeEntries(tokenizer: TextCoder, entries: readonly TextEntry[]): Promise<TextSamples> {
  const items = entries.flatMap(itemsOf);
  const encoded = (await tokenizer.encode(items)).values();
  let bytes = 0;
  const samples = entries.map((entry): LossSample => {
    const first = encoded.next().value!;
    const second = entry.kind === "completion" ? encoded.next().value! : undefined;
    bytes += Buffer.byteLength((second ?? first).text);
    const ids = second === undefined ? first.ids : [...first.ids, ...second.ids];
    return { kind: "loss", ids, scoredFrom: second === undefined ? 0 : first.ids.length };
  });
  return { samples, bytes };
}

/** Cuts what is longer than a window into windows that follow one another; each starts without what came before. */
export function cutIntoWindows(samples: readonly LossSample[], windowTokens: number): LossSample[] {
  return samples.flatMap(({ ids, scoredFrom }) => {
    if (ids.length <= windowTokens) return [{ kind: "loss", ids, scoredFrom } as const];
    const windows: LossSample[] = [];
    for (let from = 0; from < ids.length; from += windowTokens) {
      const window = ids.slice(from, from + windowTokens);
      if (scoredFrom < from + window.length)
        windows.push({ kind: "loss", ids: window, scoredFrom: Math.max(scoredFrom - from, 0) });
    }
    return windows;
  });
}

function itemsOf(entry: TextEntry): TextItem[] {
  if (entry.kind === "text") return [{ kind: "text", text: entry.text, addSpecialTokens: true }];
  if (entry.kind === "messages") return [{ kind: "chat", messages: entry.messages, addGenerationPrompt: false }];
  return [
    { kind: "text", text: entry.prompt, addSpecialTokens: true },
    { kind: "text", text: entry.completion, addSpecialTokens: false },
  ];
}

type Encoded = Extract<EncodeResult, { kind: "ids" }>;

export interface TextCoder extends AsyncDisposable {
  readonly encode: (items: readonly TextItem[]) => Promise<readonly Encoded[]>;
  /** Special tokens left out. */
  readonly decode: (ids: readonly number[]) => Promise<string>;
}

/** A text as ids and as it was rendered comes back on one line; the memory is what tokenising that much takes. */
function limitsFor(textBytes: number): Partial<ChildLimits> {
  return {
    silenceSecondsMax: 50 + textBytes / 1e5,
    memoryBytesMax: 2 * 2 ** 30 + 400 * textBytes,
    lineBytesMax: 2 ** 26 + 16 * textBytes,
    outputBytesMax: 2 ** 30 + 16 * textBytes,
  };
}

/**
 * The tokenizer and template of a model, or of the one that --tokenizer names, in a child process.
 * @param textBytes how much text there will be
 */
export async function openTextCoder(
  args: ModelFlags & { readonly tokenizer?: string | undefined },
  model: LocalModel,
  { signal, textBytes }: { readonly signal: AbortSignal; readonly textBytes: number },
): Promise<TextCoder> {
  const other =
    args.tokenizer === undefined ? undefined : await locateModel({ ...args, model: args.tokenizer }, signal);
  const { folder, links } = other ?? model;
  const child = startModelChild({ folder, links, limits: limitsFor(textBytes), signal });
  return {
    encode: (items) => encodeAll(child, items),
    decode: (ids) => decode(child, ids),
    async [Symbol.asyncDispose]() {
      await child.close();
      await other?.[Symbol.asyncDispose]();
    },
  };
}

async function encodeAll(child: ModelChild, items: readonly TextItem[]): Promise<readonly Encoded[]> {
  const outcome = await child.encode(items, { now: localTime(new Date()) });
  if (outcome.kind !== "done") throw problem(outcome);
  return outcome.results.map((result) => {
    if (result.kind === "failed") throw problem(result);
    return result;
  });
}

async function decode(child: ModelChild, ids: readonly number[]): Promise<string> {
  const outcome = await child.decode([{ ids, skipSpecialTokens: true }]);
  if (outcome.kind !== "done") throw problem(outcome);
  const [result] = outcome.results;
  if (result!.kind === "failed") throw problem(result!);
  return result!.text;
}

function problem({ reason, detail }: { readonly reason: string; readonly detail: string }): FailureError {
  return new FailureError(printable(`${reason}: ${detail}`));
}

/** What a person's clock shows, as a template's `strftime_now` would tell it. */
function localTime(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}
