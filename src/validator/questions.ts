/** The questions of a round's task: made once for each tokenizer, stored, and the same for every model that shares it. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Competition, Task } from "../competition/competition.ts";
import type { ModelChild } from "../eval/child.ts";
import { encodeItems, makeQuestions } from "../eval/questions.ts";
import type { Question, TaskText } from "../eval/tasks/task.ts";
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
  const list = await makeQuestions({
    method: task.method,
    texts,
    sequenceLengthMax: competition.constraints.sequenceLengthMax,
    folders: [input.tokenizerFolder, input.folder],
    links: "refuse",
    encode: (items) => input.tokenCache.through(key.tokenizer, items, (missing) => encodeItems(child, missing)),
  });
  if ("kind" in list) return list;
  const samples = list.map(({ batch, sample, reference }) => ({ batch, question: sample, reference }));
  const set = await storeSamples(store, { ...key, samples });
  return { kind: "ready", sampleSetId: set.id, list };
}

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
