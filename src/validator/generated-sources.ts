/** Tasks that are made up from the round's seed, and a word list at most. */
import { isInvalid } from "../base/invalid.ts";
import type { Task } from "../competition/competition.ts";
import { drawArithmetic, type Exercise } from "../data/generated/arithmetic.ts";
import { drawDyck } from "../data/generated/dyck.ts";
import { drawWordSorting } from "../data/generated/word-sorting.ts";
import { offlineWords } from "../data/generated/words.ts";
import { fetchWords, type LanguageAccess } from "../data/remote/language.ts";
import { pairText } from "./task-text.ts";
import type { Drawn, TextSource } from "./text-source.ts";

export const arithmetic: TextSource<"arithmetic"> = async (task, { random }) =>
  exercises(task, drawArithmetic(random, task.samples, task.source), task.source);

export const dyck: TextSource<"dyck"> = async (task, { random }) =>
  exercises(task, drawDyck(random, task.samples, task.source), task.source);

export function wordSorting(access: LanguageAccess): TextSource<"word-sorting"> {
  return async (task, { random, signal }) => {
    const { words: sha256, ...limits } = task.source;
    const list = sha256 === undefined ? offlineWords : await fetchWords(access, { sha256, signal });
    if (isInvalid(list)) return { kind: "dropped", reason: `The word list is not to be had: ${list.detail}` };
    const drawn = drawWordSorting(random, task.samples, { ...limits, words: list.words });
    return exercises(task, drawn, { ...task.source, words: list.name });
  };
}

function exercises({ name, method, source }: Task, drawn: readonly Exercise[], page: unknown): Drawn {
  const texts = drawn.flatMap((exercise) => pairText[method.kind](exercise) ?? []);
  if (texts.length === 0) return { kind: "dropped", reason: `${source.kind} has nothing for ${method.kind}.` };
  return { kind: "drawn", texts, pages: [{ task: name, source: source.kind, page, state: "used" }] };
}
