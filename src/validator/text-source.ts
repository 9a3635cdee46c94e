/** What a source of texts is to the validator. */
import type { Random } from "../base/random.ts";
import type { Task } from "../competition/competition.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import type { NewPage } from "../store/rounds.ts";

/** `pages` says where the texts came from; a source that could not be read is dropped by name, never replaced. */
export type Drawn =
  | { readonly kind: "drawn"; readonly texts: readonly TaskText[]; readonly pages: readonly NewPage[] }
  | { readonly kind: "dropped"; readonly reason: string };

/** Draws a task's texts. Every task has a generator of its own, started from the round's seed. */
export type TextSources = (task: Task, random: Random, signal: AbortSignal) => Promise<Drawn>;
