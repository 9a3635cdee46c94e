/** The questions of a round's task: made once for each tokenizer, stored, and the same for every model that shares it. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isInvalid } from "../base/invalid.ts";
import type { Competition, Task } from "../competition/competition.ts";
import type { ModelChild } from "../eval/child.ts";
import type { TextItem } from "../eval/protocol.ts";
import { methods } from "../eval/tasks/methods.ts";
import type { Question, TaskText } from "../eval/tasks/task.ts";
import { endIds } from "../model/end-ids.ts";
import { readJson } from "../model/files.ts";
import { openFolder } from "../model/folder.ts";
import { findSampleSet, readSamples, storeSamples } from "../store/samples.ts";
import type { Row } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { TokenCache } from "./token-cache.ts";

export interface QuestionsInput {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
  readonly task: Task;
  readonly texts: readonly TaskText[];
  /** The model's folder, whose generation_config.json says how its answers end. */
  readonly folder: string;
  /** Where the tokenizer and the chat template are: the model's folder, or the competition's own. */
  readonly tokenizerFolder: string;
  readonly child: ModelChild;
  readonly tokenCache: TokenCache;
}

export type Questions =
  | { readonly kind: "ready"; readonly sampleSetId: number; readonly list: readonly Question[] }
  | { readonly kind: "invalid" | "failed"; readonly reason: string; readonly detail: string };

/** The stored questions; the first model that needs them has them made in its child, by its tokenizer. */
export async function prepareQuestions(store: Store, input: QuestionsInput): Promise<Questions> {
  const { round, competition, task, texts, child } = input;
  const key = { roundId: round.id, task: task.name, tokenizer: await tokenizerDigest(input.tokenizerFolder) };
  const known = await findSampleSet(store, key);
  if (known !== undefined) {
    const samples = await readSamples(store, known.id);
    const list = samples.map(({ batch, question, reference }) => ({ batch, sample: question, reference }));
    return { kind: "ready", sampleSetId: known.id, list };
  }
  const method = methods[task.method.kind];
  const ids = await input.tokenCache.through(key.tokenizer, method.items(texts), (items) => encode(child, items));
  if ("kind" in ids) return ids;
  const { kind: _, ...parameters } = task.method;
  const limits = { ...parameters, sequenceLengthMax: competition.constraints.sequenceLengthMax };
  const list = method.questions(texts, ids, { ...limits, endIds: await endIdsOf(input.tokenizerFolder, input.folder) });
  const samples = list.map(({ batch, sample, reference }) => ({ batch, question: sample, reference }));
  const set = await storeSamples(store, { ...key, samples });
  return { kind: "ready", sampleSetId: set.id, list };
}

async function encode(
  child: ModelChild,
  items: readonly TextItem[],
): Promise<readonly (readonly number[])[] | Exclude<Questions, { kind: "ready" }>> {
  const encoded = await child.encode(items, { now: timeInTemplates });
  if (encoded.kind !== "done") return encoded;
  const ids: (readonly number[])[] = [];
  for (const result of encoded.results) {
    if (result.kind === "failed") return result;
    ids.push(result.ids);
  }
  return ids;
}

/** What a chat template sees as the time: the same for every validator. */
const timeInTemplates = "2024-01-01T00:00:00";

/**
 * Equal only for folders that tokenise alike and end their answers alike, since both are in the stored questions: the
 * digest of the files that decide about it.
 */
async function tokenizerDigest(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"]) {
    const bytes = await readFile(join(folder, name)).catch(() => Buffer.alloc(0));
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

/** The first folder that names the ids which end an answer. */
async function endIdsOf(...folders: readonly string[]): Promise<readonly number[]> {
  for (const path of folders) {
    const folder = await openFolder(path, "refuse");
    if (isInvalid(folder)) continue;
    for (const name of ["generation_config.json", "config.json"] as const) {
      const json = await readJson(folder, name);
      const ids = json === undefined || isInvalid(json) ? [] : endIds(json);
      if (ids.length > 0) return ids;
    }
  }
  return [];
}
