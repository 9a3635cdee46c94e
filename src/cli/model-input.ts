/** What the commands that run a model share: opening it, and reading token ids. */
import { readFile, stat } from "node:fs/promises";
import { FailureError, messageOf, OperatorError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { printable } from "../base/log.ts";
import { type Engine, type EngineOptions, openEngine } from "../eval/engine.ts";
import { openModelFolder } from "../model/folder.ts";
import type { Links } from "../model/untrusted-file.ts";

/** Opens a model's folder; what is wrong with the model is a failure, said in one line. */
export async function openLocalEngine(
  path: string,
  { links = "refuse", ...options }: EngineOptions & { readonly links?: Links } = {},
): Promise<Engine & AsyncDisposable> {
  const folder = await openModelFolder(path, { links });
  const engine = isInvalid(folder) ? folder : await openEngine(folder, options);
  if (isInvalid(engine)) throw new FailureError(printable(`${engine.reason}: ${engine.detail}`));
  return { ...engine, [Symbol.asyncDispose]: () => engine.close() };
}

const tokensFileBytesMax = 1 << 30;

/** `[[id,…],…]` */
export async function readTokenLists(path: string): Promise<readonly (readonly number[])[]> {
  const hint = "Give --tokens a JSON file of lists of token ids: [[1,2,3],[4,5]].";
  let value: unknown;
  try {
    const { size } = await stat(path);
    if (size > tokensFileBytesMax) throw new Error(`it has ${size} bytes, more than ${tokensFileBytesMax}`);
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new OperatorError(printable(`${path} cannot be read: ${messageOf(error)}`), hint);
  }
  const isList = (item: unknown) => Array.isArray(item) && item.every((id) => Number.isSafeInteger(id));
  if (!Array.isArray(value) || !value.every(isList)) throw new OperatorError(`${path} holds something else.`, hint);
  return value;
}
