/** Texts as they lie in a file of the operator's, to be scored or learnt. */
import { z } from "zod";
import { messageOf, OperatorError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import { readOperatorFile } from "../base/operator-file.ts";
import type { Message } from "./protocol.ts";

/** A text as a whole, or an answer after a prompt, plain or in the model's chat template. */
export type TextEntry =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "completion"; readonly prompt: string; readonly completion: string }
  | { readonly kind: "messages"; readonly messages: readonly Message[] };

const lineSchema = z.union([
  z.object({ text: z.string() }).transform(({ text }): TextEntry => ({ kind: "text", text })),
  z
    .object({ prompt: z.string(), completion: z.string() })
    .transform(({ prompt, completion }): TextEntry => ({ kind: "completion", prompt, completion })),
  z
    .object({ messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1) })
    .transform(({ messages }): TextEntry => ({ kind: "messages", messages: messages as readonly Message[] })),
]);

const fileBytesMax = 1 << 30;

/**
 * Reads a text; or, in a .jsonl or .ndjson file and wherever every line is an object, lines of JSON: `{"text"}`,
 * `{"messages"}` or `{"prompt", "completion"}`. Throws `OperatorError`.
 */
export async function readTextFile(path: string): Promise<readonly TextEntry[]> {
  const text = await readText(path);
  const lines = text.split("\n").map((line, index) => ({ number: index + 1, line }));
  const written = lines.filter(({ line }) => line.trim() !== "");
  const isLines = /\.(jsonl|ndjson)$/.test(path) || (written.length > 0 && written.every(({ line }) => isObject(line)));
  if (!isLines) return [{ kind: "text", text }];
  return written.map(({ number, line }) => {
    const parsed = lineSchema.safeParse(parse(line));
    if (parsed.success) return parsed.data;
    throw new OperatorError(
      printable(`${path}, line ${number}: neither a text, nor messages, nor a prompt and a completion.`),
      'A line is {"text":"…"}, {"messages":[{"role":"user","content":"…"},…]} or {"prompt":"…","completion":"…"}.',
    );
  });
}

/** A mark of the byte order at the start is no text; bytes that are none would be taken as such. */
async function readText(path: string): Promise<string> {
  const refused = (problem: string) =>
    new OperatorError(
      printable(`${path} ${problem}.`),
      "Give a file of UTF-8 text, or lines of JSON with text, messages, or prompt and completion.",
    );
  let bytes: Uint8Array;
  try {
    bytes = await readOperatorFile(path, { bytesMax: fileBytesMax });
  } catch (error) {
    throw refused(`cannot be read: ${messageOf(error)}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refused("is not a text in UTF-8");
  }
}

function isObject(line: string): boolean {
  return line.trimStart().startsWith("{") && parse(line) !== undefined;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
