/** What the commands that run a model share: opening it, and reading token ids. */
import { FailureError, messageOf, OperatorError } from "../base/errors.ts";
import { type Invalid, isInvalid } from "../base/invalid.ts";
import { printable } from "../base/log.ts";
import { readOperatorFile } from "../base/operator-file.ts";
import { type Engine, openEngine } from "../eval/engine.ts";
import { openModelFolder } from "../model/folder.ts";
import { refuseNonFinite } from "../model/parameters.ts";
import type { Links } from "../model/untrusted-file.ts";

/** Opens a model's folder and looks at every parameter; what is wrong with the model is a failure, said in one line. */
export async function openLocalEngine(
  path: string,
  { links, signal }: { readonly links: Links; readonly signal: AbortSignal },
): Promise<Engine & AsyncDisposable> {
  const folder = await openModelFolder(path, { links });
  if (isInvalid(folder)) throw refusal(folder);
  const engine = await openEngine(folder);
  if (isInvalid(engine)) throw refusal(engine);
  const problem = await refuseNonFinite(folder.tensors, { signal });
  if (problem !== undefined) throw refusal(problem);
  return { ...engine, [Symbol.asyncDispose]: () => engine.close() };
}

function refusal({ reason, detail }: Invalid): FailureError {
  return new FailureError(printable(`${reason}: ${detail}`));
}

const tokensFileBytesMax = 1 << 30;

/** `[[id,…],…]` */
export async function readTokenLists(path: string): Promise<readonly (readonly number[])[]> {
  const hint = "Give --tokens a JSON file of lists of token ids: [[1,2,3],[4,5]].";
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(await readOperatorFile(path, { bytesMax: tokensFileBytesMax })));
  } catch (error) {
    throw new OperatorError(printable(`${path} cannot be read: ${messageOf(error)}`), hint);
  }
  const isList = (item: unknown) => Array.isArray(item) && item.every((id) => Number.isSafeInteger(id));
  if (!Array.isArray(value) || !value.every(isList)) throw new OperatorError(`${path} holds something else.`, hint);
  return value;
}
