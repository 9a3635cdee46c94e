/** Tasks whose texts are files of the operator's own. */
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { Task } from "../competition/competition.ts";
import { drawJsonLines } from "../data/files/json-lines.ts";
import type { DrawnPairs } from "../data/files/pair.ts";
import { drawParquetRows } from "../data/files/parquet-file.ts";
import { drawTextFiles } from "../data/files/text-folder.ts";
import { pairText } from "./task-text.ts";
import type { Draw, Drawn, TextSource } from "./text-source.ts";

export const jsonLines: TextSource<"jsonl"> = async (task, draw) =>
  fromPairs(task, await drawJsonLines(draw.random, optionsOf(task, draw)));

export const parquetFile: TextSource<"parquet"> = async (task, draw) =>
  fromPairs(task, await drawParquetRows(draw.random, optionsOf(task, draw)));

export const textFolder: TextSource<"text-folder"> = async (task, { random, signal }) => {
  const { path } = task.source;
  const drawn = await drawTextFiles(random, { path, count: task.samples, signal });
  if (isInvalid(drawn)) return dropped(task, drawn);
  const pairs = drawn.texts.map((reference) => ({ context: "", reference }));
  return fromTexts(task, pairs, { path, files: drawn.paths });
};

type PairSource = Parameters<TextSource<"jsonl">>[0] | Parameters<TextSource<"parquet">>[0];

function optionsOf({ source, samples: count }: PairSource, { signal }: Draw) {
  const { path, contextField, referenceField } = source;
  return { path, contextField, referenceField, count, signal };
}

function fromPairs(task: PairSource, drawn: DrawnPairs | Invalid): Drawn {
  if (isInvalid(drawn)) return dropped(task, drawn);
  return fromTexts(task, drawn.pairs, { path: task.source.path, places: drawn.places });
}

function fromTexts({ name, source, method }: Task, pairs: DrawnPairs["pairs"], page: unknown): Drawn {
  const texts = pairs.flatMap((pair) => pairText[method.kind](pair) ?? []);
  if (texts.length === 0) return { kind: "dropped", reason: `${source.kind} has nothing for ${method.kind}.` };
  return { kind: "drawn", texts, pages: [{ task: name, source: source.kind, page, state: "used" }] };
}

function dropped({ name, source }: PairSource | Parameters<typeof textFolder>[0], fault: Invalid): Drawn {
  const page = { path: source.path };
  const state = { state: "dropped", reason: fault.detail } as const;
  return { kind: "dropped", reason: fault.detail, pages: [{ task: name, source: source.kind, page, ...state }] };
}
