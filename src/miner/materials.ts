/** What can be learnt, as it lies in a file or folder of the operator's. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { z } from "zod";
import { messageOf, OperatorError } from "../base/errors.ts";
import type { Message } from "../eval/protocol.ts";

/** A text to be learnt as a whole, or an answer after a prompt, plain or in the model's chat template. */
export type Material =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "completion"; readonly prompt: string; readonly completion: string }
  | { readonly kind: "messages"; readonly messages: readonly Message[] };

const lineSchema = z.union([
  z.object({ text: z.string() }).transform(({ text }): Material => ({ kind: "text", text })),
  z
    .object({ prompt: z.string(), completion: z.string() })
    .transform(({ prompt, completion }): Material => ({ kind: "completion", prompt, completion })),
  z
    .object({ messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1) })
    .transform(({ messages }): Material => ({ kind: "messages", messages: messages as readonly Message[] })),
]);

const dataBytesMax = 1 << 30;
const textExtensions: ReadonlySet<string> = new Set([".txt", ".md", ".text"]);

/** A file's samples, or those of all files of a folder in the order of their names. Throws `OperatorError`. */
export async function readMaterials(path: string): Promise<Material[]> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const files = isFolder ? (await readdir(path)).sort().map((name) => join(path, name)) : [path];
    const materials: Material[] = [];
    for (const file of files) {
      if (isFolder && !isJsonLines(file) && !textExtensions.has(extname(file))) continue;
      for (const material of await readFileMaterials(file)) materials.push(material);
    }
    return materials;
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The data ${path} cannot be read: ${messageOf(error)}.`, "Give a file or a folder.");
  }
}

async function readFileMaterials(file: string): Promise<Iterable<Material>> {
  const status = await stat(file);
  // A pipe would be empty when the same line goes on, and one that nobody writes to never ends.
  if (!status.isFile())
    throw new OperatorError(`${file} is no file that can be read again.`, "Write the data to a file first.");
  if (status.size > dataBytesMax)
    throw new OperatorError(`${file} has ${status.size} bytes; at most ${dataBytesMax} are read.`, "Split the file.");
  const text = decodeText(await readFile(file), file);
  if (isJsonLines(file)) return parseLines(text, basename(file));
  return text.trim() === "" ? [] : [{ kind: "text", text }];
}

/** A mark of the byte order at the start is no text; bytes that are none would be learnt as such. */
function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new OperatorError(`${file} is not a text in UTF-8.`, "Convert the file or take it out.");
  }
}

function isJsonLines(path: string): boolean {
  return path.endsWith(".jsonl") || path.endsWith(".ndjson");
}

function* parseLines(text: string, name: string): Generator<Material> {
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const parsed = lineSchema.safeParse(parseJson(line));
    if (!parsed.success)
      throw new OperatorError(
        `${name}, line ${index + 1}, is none of {"text"}, {"prompt", "completion"}, {"messages": [{"role", "content"}]}.`,
        "Mend the line or take it out.",
      );
    yield parsed.data;
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
