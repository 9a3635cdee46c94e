/** Reads a single tensor of any .safetensors file. */
import { open } from "node:fs/promises";
import { assert } from "../base/assert.ts";
import type { Tensor } from "../model/safetensors.ts";

/** The stored bytes of a tensor. */
export async function readTensor({ file, offsetBytes, lengthBytes }: Tensor): Promise<Uint8Array> {
  const handle = await open(file, "r");
  try {
    const bytes = Buffer.alloc(lengthBytes);
    for (let at = 0; at < lengthBytes; ) {
      const { bytesRead } = await handle.read(bytes, at, lengthBytes - at, offsetBytes + at);
      assert(bytesRead > 0, `${file} became shorter while it was read`);
      at += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}
