/** The text side of `generate`: a prompt, or a conversation, streamed to the terminal. */
import { createInterface } from "node:readline";
import { FailureError, InterruptedError } from "../base/errors.ts";
import type { Engine } from "../eval/engine.ts";
import type { Message, TextItem } from "../eval/protocol.ts";
import type { GenerationSample } from "../eval/sample.ts";
import { TextStream } from "../eval/text-stream.ts";
import type { LocalModel, ModelFlags } from "./model-args.ts";
import { print, printJson } from "./output.ts";
import { openTextCoder, type TextCoder } from "./text-input.ts";

interface TextRun {
  readonly args: ModelFlags & {
    readonly prompt?: string;
    readonly chat?: boolean;
    readonly tokenizer?: string;
    readonly json?: boolean;
  };
  readonly place: LocalModel;
  readonly engine: Engine;
  readonly how: Omit<GenerationSample, "kind" | "prompt">;
  readonly signal: AbortSignal;
}

/** Continues a prompt, answers a question, or talks until standard input ends. */
export async function runText(run: TextRun): Promise<void> {
  const { args, place, signal } = run;
  await using coder = await openTextCoder(args, place, { signal, textBytes: Buffer.byteLength(args.prompt ?? "") });
  if (args.prompt === undefined) {
    await converse(run, coder);
    return;
  }
  const item: TextItem = args.chat
    ? { kind: "chat", messages: [{ role: "user", content: args.prompt }], addGenerationPrompt: true }
    : { kind: "text", text: args.prompt, addSpecialTokens: true };
  const { prompt, tokens, text } = await answer(run, coder, item);
  if (args.json) printJson({ sequences: [{ prompt, tokens, text }] });
}

/** A turn is a line; the whole conversation is rendered again for every answer, since a template may look back. */
async function converse(run: TextRun, coder: TextCoder): Promise<void> {
  // A template that is missing or broken is said before anybody has thought of a question.
  await coder.encode([{ kind: "chat", messages: [{ role: "user", content: "?" }], addGenerationPrompt: true }]);
  const lines = createInterface({ input: process.stdin, terminal: false, signal: run.signal });
  const messages: Message[] = [];
  const ask = () => {
    if (process.stdin.isTTY) process.stdout.write("> ");
  };
  ask();
  for await (const line of lines) {
    if (line.trim() !== "") {
      messages.push({ role: "user", content: line });
      const { text } = await answer(run, coder, { kind: "chat", messages, addGenerationPrompt: true });
      messages.push({ role: "assistant", content: text });
    }
    ask();
  }
  // Ctrl-D leaves the prompt on the screen.
  if (process.stdin.isTTY) process.stdout.write("\n");
  if (run.signal.aborted) throw new InterruptedError();
  if (run.args.json) printJson({ messages });
}

async function answer({ engine, how, signal, args }: TextRun, coder: TextCoder, item: TextItem) {
  const [encoded] = await coder.encode([item]);
  const prompt = encoded!.ids;
  const stream = new TextStream(coder.decode, (text) => {
    if (!args.json) process.stdout.write(text);
  });
  const sample = { kind: "generation", prompt, ...how } as const;
  const [outcome] = await engine.generate([sample], { signal, onToken: (id) => void stream.push(id) });
  const text = await stream.finish();
  if (outcome!.kind === "failed") throw new FailureError(`${outcome!.detail}.`);
  if (!args.json) print();
  return { prompt, tokens: outcome!.ids, text };
}
