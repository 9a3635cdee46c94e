/** Files that the operator names: followed through links, but never waited for and never larger than they may be. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/**
 * The bytes of a plain file. Rejects with what is wrong for anything else: a pipe would block until somebody writes to
 * it, and a device may never end.
 */
export async function readOperatorFile(path: string, { bytesMax }: { readonly bytesMax: number }): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error("it is not a plain file");
    if (status.size > bytesMax) throw new Error(`it has ${status.size} bytes, more than ${bytesMax}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
