/** What a source of texts is to the validator. */
import type { Random } from "../base/random.ts";
import type { Competition, Source, Task } from "../competition/competition.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import type { NewPage } from "../store/pages.ts";
import type { Block, BlockHash } from "../subnet.ts";

/** `pages` says where the texts came from; a source that could not be read is dropped by name, never replaced. */
export type Drawn =
  | { readonly kind: "drawn"; readonly texts: readonly TaskText[]; readonly pages: readonly NewPage[] }
  | { readonly kind: "dropped"; readonly reason: string; readonly pages?: readonly NewPage[] };

export interface Draw {
  /** Every task has a generator of its own, started from the round's seed. */
  readonly random: Random;
  readonly competition: Competition;
  readonly syncBlock: Block;
  readonly syncBlockHash: BlockHash;
  readonly signal: AbortSignal;
}

/** Draws a task's texts. Throws `InterruptedError` when the signal aborts. */
export type TextSources = (task: Task, draw: Draw) => Promise<Drawn>;

/** The same for one kind of source. */
export type TextSource<Kind extends Source["kind"]> = (
  task: Task & { readonly source: SourceOf<Kind> },
  draw: Draw,
) => Promise<Drawn>;

/** The members that may be of a kind; several kinds can share one. */
type SourceOf<Kind, Member = Source> = Member extends { readonly kind: infer K }
  ? Kind extends K
    ? Member
    : never
  : never;
