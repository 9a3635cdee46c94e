/** Tasks that are made up from the round's seed alone. */
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { Task } from "../competition/competition.ts";
import { drawArithmetic, type Exercise } from "../data/generated/arithmetic.ts";
import { drawDyck } from "../data/generated/dyck.ts";
import { drawWordSorting } from "../data/generated/word-sorting.ts";
import type { WordList } from "../data/generated/words.ts";
import { pairText } from "./task-text.ts";
import type { Drawn, TextSource } from "./text-source.ts";

export const arithmetic: TextSource<"arithmetic"> = async (task, { random }) =>
  exercises(task, drawArithmetic(random, task.samples, task.source), task.source);

export const dyck: TextSource<"dyck"> = async (task, { random }) =>
  exercises(task, drawDyck(random, task.samples, task.source), task.source);

/** @param list the words; which list it was is stored, since validators agree only on the same one */
export function wordSorting(list: () => Promise<WordList | Invalid>): TextSource<"word-sorting"> {
  return async (task, { random }) => {
    const found = await list();
    if (isInvalid(found)) return { kind: "dropped", reason: found.detail };
    const drawn = drawWordSorting(random, task.samples, { ...task.source, words: found.words });
    return exercises(task, drawn, { ...task.source, words: found.name });
  };
}

function exercises({ name, method, source }: Task, drawn: readonly Exercise[], page: unknown): Drawn {
  const texts = drawn.flatMap((exercise) => pairText[method.kind](exercise) ?? []);
  if (texts.length === 0) return { kind: "dropped", reason: `${source.kind} has nothing for ${method.kind}.` };
  return { kind: "drawn", texts, pages: [{ task: name, source: source.kind, page, state: "used" }] };
}
