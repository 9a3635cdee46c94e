/** What can be learnt, as it lies in a file or folder of the operator's. */
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { messageOf, OperatorError } from "../base/errors.ts";
import { readTextFile, type TextEntry } from "../eval/text-entries.ts";

/** Of a folder's files only these are read. */
const extensions: ReadonlySet<string> = new Set([".jsonl", ".ndjson", ".txt", ".md", ".text"]);

/** A file's entries, or those of all files of a folder in the order of their names. Throws `OperatorError`. */
export async function readMaterials(path: string): Promise<readonly TextEntry[]> {
  const entries: TextEntry[] = [];
  for (const file of await filesAt(path)) {
    const found = await readTextFile(file);
    // A text file without a text is none; a line of JSON without one is counted, and told of.
    const isBlank = !isLines(file) && found.every((entry) => entry.kind === "text" && entry.text.trim() === "");
    if (!isBlank) for (const entry of found) entries.push(entry);
  }
  return entries;
}

async function filesAt(path: string): Promise<readonly string[]> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const names = isFolder ? (await readdir(path)).filter((name) => extensions.has(extname(name))).sort() : undefined;
    const files = names?.map((name) => join(path, name)) ?? [path];
    // A pipe would be empty when the same line goes on, and one that nobody writes to never ends.
    for (const file of files)
      if (!(await stat(file)).isFile())
        throw new OperatorError(`${file} is no file that can be read again.`, "Write the data to a file first.");
    return files;
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new OperatorError(
      isMissing ? `There is no ${path} to learn from.` : `The data ${path} cannot be read: ${messageOf(error)}.`,
      "Give --data a file or a folder.",
    );
  }
}

function isLines(file: string): boolean {
  return [".jsonl", ".ndjson"].includes(extname(file));
}
