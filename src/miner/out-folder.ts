/** Where results are written, asked before hours of work and not after them. */
import { access, constants, mkdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf, OperatorError } from "../base/errors.ts";
import { diskFailure } from "../hub/outcome.ts";

/** Makes the folder; `base` is what it must not be, since the original would be gone. Throws `OperatorError`. */
export async function openOutFolder(out: string, base: string): Promise<string> {
  const folder = resolve(out);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new OperatorError(
      `Nothing can be written to ${out}: ${diskFailure(error)?.detail ?? messageOf(error)}.`,
      "Give another --out: a folder, or the name of one that can be made.",
    );
  }
  const original = await realpath(base).catch(() => undefined);
  if ((await realpath(folder)) === original)
    throw new OperatorError(`--out is the base, which would be overwritten.`, "Give another --out.");
  return folder;
}
