/**
 * Lines of JSON on disk. The file is walked twice, once to count its lines and once to keep the drawn ones, so that its
 * size costs time and no memory.
 */
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import { isJsonObject, parseJsonBytes } from "../../base/json.ts";
import type { Random } from "../../base/random.ts";
import { ReadFailure } from "../parquet/byte-source.ts";
import { type LocalFile, openLocalFile } from "./local-file.ts";
import { type DrawnPairs, type PairFields, readPair, type TextPair } from "./pair.ts";
import { drawPlaces } from "./places.ts";

export interface LineLimits {
  readonly fileBytesMax: number;
  readonly lineBytesMax: number;
}

const defaultLimits: LineLimits = { fileBytesMax: 64 * 2 ** 30, lineBytesMax: 64 * 2 ** 20 };
const chunkBytes = 4 * 2 ** 20;
const lineFeed = 10;

/** Draws `count` lines, empty ones not counted. Every line's length is checked, the content of the drawn ones. */
export async function drawJsonLines(
  random: Random,
  {
    path,
    count,
    signal,
    limits = defaultLimits,
    ...fields
  }: PairFields & {
    readonly path: string;
    readonly count: number;
    readonly signal?: AbortSignal;
    readonly limits?: LineLimits;
  },
): Promise<DrawnPairs | Invalid> {
  const file = await openLocalFile(path, signal);
  if (isInvalid(file)) return file;
  try {
    if (file.sizeBytes > limits.fileBytesMax)
      return invalid("too-large", `${path} has ${file.sizeBytes} bytes; at most ${limits.fileBytesMax} are read.`);
    const total = await walkLines(file, limits.lineBytesMax);
    if (total === 0) return invalid("no-rows", `${path} has no lines.`);
    const places = drawPlaces(random, total, count);
    const wanted = new Map(places.map((place, index) => [place, index]));
    const pairs = new Array<TextPair>(places.length);
    const lines = new Array<number>(places.length);
    await walkLines(file, limits.lineBytesMax, (place, line, bytes) => {
      const index = wanted.get(place);
      if (index === undefined) return;
      pairs[index] = parseLine(bytes(), fields, `${path}:${line}`);
      lines[index] = line;
    });
    return { pairs, places: lines };
  } catch (error) {
    if (error instanceof ReadFailure) return error.failure;
    throw error;
  } finally {
    await file.close();
  }
}

function parseLine(bytes: Uint8Array, fields: PairFields, where: string): TextPair {
  const json = parseJsonBytes(bytes, { depthMax: 64, valuesMax: 1_000_000 });
  if (json.kind === "error")
    throw new ReadFailure(invalid("bad-line", `${where}: not a line of JSON: ${json.detail}.`));
  if (!isJsonObject(json.value)) throw new ReadFailure(invalid("bad-line", `${where}: not a JSON object.`));
  const pair = readPair(json.value, fields, where);
  if (isInvalid(pair)) throw new ReadFailure(pair);
  return pair;
}

type OnLine = (place: number, line: number, bytes: () => Uint8Array) => void;

/**
 * Calls `onLine` with each line that is not empty, and counts them. `line` is its number in the file, from 1. Throws
 * `ReadFailure` at a line that is too long, before the whole of it is in memory.
 */
async function walkLines(file: LocalFile, lineBytesMax: number, onLine: OnLine = () => {}): Promise<number> {
  let [place, line] = [0, 1];
  let open: Uint8Array[] = [];
  let openBytes = 0;
  const close = (tail: Uint8Array) => {
    const isEmpty = openBytes + tail.length === 0 || (openBytes + tail.length === 1 && (open[0] ?? tail)[0] === 13);
    if (!isEmpty) onLine(place++, line, () => (open.length === 0 ? tail : Buffer.concat([...open, tail])));
    open = [];
    openBytes = 0;
    line += 1;
  };
  for (let from = 0; from < file.sizeBytes; from += chunkBytes) {
    const chunk = Buffer.from((await file.read(from, Math.min(from + chunkBytes, file.sizeBytes))).buffer);
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); ; end = chunk.indexOf(lineFeed, start)) {
      const part = chunk.subarray(start, end < 0 ? chunk.length : end);
      if (openBytes + part.length > lineBytesMax)
        throw new ReadFailure(
          invalid("line-too-long", `${file.name}:${line}: a line of more than ${lineBytesMax} bytes.`),
        );
      if (end < 0) {
        if (part.length > 0) open.push(part);
        openBytes += part.length;
        break;
      }
      close(part);
      start = end + 1;
    }
  }
  if (openBytes > 0) close(new Uint8Array());
  return place;
}
