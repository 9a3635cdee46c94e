/** A folder of text files, its sub-folders included: each file is one text. */
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { InterruptedError, messageOf } from "../../base/errors.ts";
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import { byCodePoint } from "../../base/python-text.ts";
import type { Random } from "../../base/random.ts";
import { ReadFailure } from "../parquet/byte-source.ts";
import { openLocalFile } from "./local-file.ts";
import { drawPlaces } from "./places.ts";

export interface DrawnFiles {
  readonly texts: readonly string[];
  /** The files' paths below the folder. */
  readonly paths: readonly string[];
}

const filesMax = 1_000_000;
const fileBytesMax = 64 * 2 ** 20;

/** Draws `count` files of those that are there, in the order of their names; links and hidden files are left out. */
export async function drawTextFiles(
  random: Random,
  { path, count, signal }: { readonly path: string; readonly count: number; readonly signal?: AbortSignal },
): Promise<DrawnFiles | Invalid> {
  const found = await listFiles(path, signal);
  if (isInvalid(found)) return found;
  if (found.length === 0) return invalid("no-rows", `${path} has no files.`);
  const paths = drawPlaces(random, found.length, count).map((place) => found[place]!);
  const texts: string[] = [];
  for (const name of paths) {
    const text = await readText(join(path, name), signal);
    if (typeof text !== "string") return text;
    texts.push(text);
  }
  return { texts, paths };
}

async function listFiles(root: string, signal?: AbortSignal): Promise<string[] | Invalid> {
  const files: string[] = [];
  const folders = [""];
  try {
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for await (const entry of await opendir(join(root, folder))) {
        if (signal?.aborted) throw new InterruptedError();
        if (entry.name.startsWith(".")) continue;
        const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) folders.push(name);
        if (entry.isFile()) files.push(name);
        if (files.length > filesMax) return invalid("too-large", `${root} has more than ${filesMax} files.`);
      }
    }
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    return invalid("unreadable", `${root} cannot be read: ${messageOf(error)}.`);
  }
  return files.sort(byCodePoint);
}

async function readText(path: string, signal?: AbortSignal): Promise<string | Invalid> {
  const file = await openLocalFile(path, signal);
  if (isInvalid(file)) return file;
  try {
    if (file.sizeBytes > fileBytesMax)
      return invalid("too-large", `${path} has ${file.sizeBytes} bytes; at most ${fileBytesMax} are read.`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.read(0, file.sizeBytes));
  } catch (error) {
    if (error instanceof ReadFailure) return error.failure;
    if (error instanceof InterruptedError) throw error;
    return invalid("bad-text", `${path} is not UTF-8.`);
  } finally {
    await file.close();
  }
}
