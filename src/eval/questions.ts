/**
 * From the texts of a task to what a model is asked, in its child and by its tokenizer: one way for validators, who keep
 * the questions, and for miners, who want to be told what validators will find.
 */

import { type Invalid, invalid, isInvalid } from "../base/invalid.ts";
import type { ChildFailure } from "../base/limited-process.ts";
import { endIds } from "../model/end-ids.ts";
import { readJson } from "../model/files.ts";
import { openFolder } from "../model/folder.ts";
import type { Links } from "../model/untrusted-file.ts";
import type { ModelChild } from "./child.ts";
import type { TextItem } from "./protocol.ts";
import { methods } from "./tasks/methods.ts";
import type { Question, QuestionLimits, TaskText } from "./tasks/task.ts";

/** Token ids, a list for every item in the same order; or why there are none. */
export type EncodedItems = readonly (readonly number[])[] | Invalid | ChildFailure;

export interface QuestionsOfTexts {
  /** Its kind and its parameters, as a competition's task has them. */
  readonly method: { readonly kind: keyof typeof methods } & Omit<QuestionLimits, "sequenceLengthMax" | "endIds">;
  readonly texts: readonly TaskText[];
  readonly sequenceLengthMax: number;
  /** Whose files say which ids end an answer: the first of them that does. */
  readonly folders: readonly string[];
  /** Whether links of these folders may be followed. */
  readonly links: Links;
  /** `encodeItems`, or a memory in front of it. */
  readonly encode: (items: readonly TextItem[]) => Promise<EncodedItems>;
}

export async function makeQuestions(input: QuestionsOfTexts): Promise<readonly Question[] | Invalid | ChildFailure> {
  const { texts, sequenceLengthMax, folders, links, encode } = input;
  const { kind, ...parameters } = input.method;
  const method = methods[kind];
  const ids = await encode(method.items(texts));
  if ("kind" in ids) return ids;
  return method.questions(texts, ids, { ...parameters, sequenceLengthMax, endIds: await endIdsOf(folders, links) });
}

/** What a chat template sees as the time: any would do, but it must be the same for everybody, and for what is trained. */
export const timeInTemplates = "2024-01-01T00:00:00";

/** One item that a model's tokenizer or template cannot take is the model's fault, and ends it. */
export async function encodeItems(child: ModelChild, items: readonly TextItem[]): Promise<EncodedItems> {
  const encoded = await child.encode(items, { now: timeInTemplates });
  if (encoded.kind !== "done") return encoded;
  const ids: (readonly number[])[] = [];
  for (const result of encoded.results) {
    if (result.kind === "failed") return invalid(result.reason, result.detail);
    ids.push(result.ids);
  }
  return ids;
}

async function endIdsOf(folders: readonly string[], links: Links): Promise<readonly number[]> {
  for (const path of folders) {
    const folder = await openFolder(path, links);
    if (isInvalid(folder)) continue;
    for (const name of ["generation_config.json", "config.json"] as const) {
      const json = await readJson(folder, name);
      const ids = json === undefined || isInvalid(json) ? [] : endIds(json);
      if (ids.length > 0) return ids;
    }
  }
  return [];
}
