/**
 * A conversation with one model, which runs in a child process: whatever the model's files do to it costs the answer that
 * was being made. The child opens again with the next question.
 */
import { FailureError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import type { ChildLimits } from "../base/process-limits.ts";
import { type ChildOutcome, type ModelChild, startModelChild } from "../eval/child.ts";
import type { Message } from "../eval/protocol.ts";
import { TextStream } from "../eval/text-stream.ts";
import type { ChatLine, ChatModel } from "./answers.ts";

export interface ChatOptions {
  /** What the page calls the model. */
  readonly name: string;
  readonly folder: string;
  readonly links: "refuse" | "hub-cache";
  /** Token ids that end an answer. */
  readonly endIds: readonly number[];
  readonly newTokensMax: number;
  readonly limits?: Partial<ChildLimits>;
  /** Ends the child, also while it opens the model. */
  readonly signal?: AbortSignal;
}

export interface Chat {
  readonly model: ChatModel;
  /** One answer at a time, for everybody. */
  readonly isBusy: () => boolean;
  /** Answers the last message. Resolves after the last line, or when `stop` aborts; never rejects. */
  readonly answer: (messages: readonly Message[], emit: (line: ChatLine) => void, stop: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens the model and tries its chat template. Throws `FailureError` when it cannot be talked to. */
export async function openChat(options: ChatOptions): Promise<Chat> {
  const { name, endIds, newTokensMax } = options;
  let child: ModelChild | undefined = startChild(options);
  const opened = await describe(child).catch(async (error) => {
    await child?.close();
    throw error;
  });
  let busy = false;
  const run = async (messages: readonly Message[], emit: (line: ChatLine) => void, stop: AbortSignal) => {
    child ??= startChild(options);
    const prompt = await encode(child, messages);
    const ids: number[] = [];
    const stream = new TextStream(
      (all) => decode(child!, all),
      (text) => emit({ kind: "text", text }),
    );
    while (ids.length < newTokensMax) {
      const next = await nextToken(child, [...prompt, ...ids], endIds);
      if (stop.aborted) return;
      if (next === undefined) break;
      ids.push(next);
      await stream.push(next);
      if (stop.aborted) return;
    }
    await stream.finish();
    emit({ kind: "done", tokens: ids.length, end: ids.length < newTokensMax ? "model" : "length" });
  };
  return {
    model: { name, ...opened },
    isBusy: () => busy,
    async answer(messages, emit, stop) {
      busy = true;
      try {
        await run(messages, emit, stop);
      } catch (error) {
        if (error instanceof ChildGone) {
          await child?.close();
          child = undefined;
        }
        if (!stop.aborted) emit({ kind: "failed", message: sentence(error) });
      } finally {
        busy = false;
      }
    },
    close: async () => child?.close(),
  };
}

/** The child lives as long as the server: only a single request may take too long. */
function startChild({ folder, links, limits, signal }: ChatOptions): ModelChild {
  return startModelChild({
    folder,
    links,
    limits: { totalSecondsMax: Number.POSITIVE_INFINITY, ...limits },
    ...(signal === undefined ? {} : { signal }),
  });
}

async function describe(child: ModelChild): Promise<Omit<ChatModel, "name">> {
  const { architecture, parameters } = only(await child.describe());
  await encode(child, [{ role: "user", content: "Hello" }]);
  return { architecture, parameters };
}

async function encode(child: ModelChild, messages: readonly Message[]): Promise<readonly number[]> {
  const items = [{ kind: "chat", messages, addGenerationPrompt: true }] as const;
  return sound(only(await child.encode(items, { now: localTime(new Date()) }))).ids;
}

async function decode(child: ModelChild, ids: readonly number[]): Promise<string> {
  return sound(only(await child.decode([{ ids, skipSpecialTokens: true }]))).text;
}

/**
 * A request a token: an answer can be stopped between two of them without ending the child, and the engine goes on from
 * the keys and values that it still holds. Undefined: the model has ended its answer.
 */
async function nextToken(child: ModelChild, prompt: number[], endIds: readonly number[]): Promise<number | undefined> {
  const sample = { kind: "generation", prompt, newTokensMax: 1, repetitionPenalty: 1, endIds } as const;
  return sound(only(await child.generate([sample]))).ids[0];
}

/** The child is gone, and the next question needs another one. */
class ChildGone extends FailureError {}

function only<T>(outcome: ChildOutcome<T>): T {
  if (outcome.kind === "done") return outcome.results[0]!;
  const message = printable(`${outcome.reason}: ${outcome.detail}`);
  throw outcome.kind === "failed" ? new ChildGone(message) : new FailureError(message);
}

function sound<T extends { readonly kind: string }>(result: T): Exclude<T, { readonly kind: "failed" }> {
  if (result.kind !== "failed") return result as Exclude<T, { readonly kind: "failed" }>;
  const { reason, detail } = result as T & { readonly reason: string; readonly detail: string };
  throw new FailureError(printable(`${reason}: ${detail}`));
}

function sentence(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  if (error instanceof ChildGone) return `The model's process has ended (${said}). The next question starts it again.`;
  return `The model could not answer (${said}).`;
}

/** What a person's clock shows, as a template's `strftime_now` would tell it. */
function localTime(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
}
