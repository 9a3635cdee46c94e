/** Reads .safetensors files that are no model's parameters (adapters, checkpoints), and single tensors of any. */
import { open } from "node:fs/promises";
import { assert } from "../base/assert.ts";
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { FileSource } from "../model/files.ts";
import {
  parseHeader,
  prefixBytes,
  readHeaderLength,
  type SafetensorsHeader,
  type Tensor,
} from "../model/safetensors.ts";

/** The checked header of a file in a folder. */
export async function readSafetensorsHeader(source: FileSource, name: string): Promise<SafetensorsHeader | Invalid> {
  const opened = await source.open(name);
  if (isInvalid(opened)) return opened;
  await using file = opened;
  const prefix = await file.read({ offsetBytes: 0, lengthBytes: Math.min(prefixBytes, file.sizeBytes) });
  if (isInvalid(prefix)) return prefix;
  const length = readHeaderLength(prefix, file.sizeBytes);
  if (typeof length !== "number") return length;
  const json = await file.read({ offsetBytes: prefixBytes, lengthBytes: length });
  return isInvalid(json) ? json : parseHeader(json, { file: file.path, sizeBytes: file.sizeBytes });
}

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
