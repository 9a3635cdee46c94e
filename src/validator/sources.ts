/** The texts of a round: each task's source, drawn from the round's seed, the same on every validator. */
import { Random } from "../base/random.ts";
import type { Competition, Source, Task } from "../competition/competition.ts";
import { drawArithmetic } from "../data/generated/arithmetic.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { recordEvent } from "../store/events.ts";
import { type NewPage, recordPages } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import type { ValidatorContext } from "./context.ts";

/** `pages` says where the texts came from; a source that could not be read is dropped by name, never replaced. */
export type Drawn =
  | { readonly kind: "drawn"; readonly texts: readonly TaskText[]; readonly pages: readonly NewPage[] }
  | { readonly kind: "dropped"; readonly reason: string };

/** Draws a task's texts. Every task has a generator of its own, started from the round's seed. */
export type TextSources = (task: Task, random: Random, signal: AbortSignal) => Promise<Drawn>;

/** What needs nothing from outside. */
export const generatedSources: TextSources = async (task, random) => {
  const draw = (generators as Partial<Record<Source["kind"], Generator>>)[task.source.kind];
  if (draw === undefined) return { kind: "dropped", reason: `source ${task.source.kind} is not supported` };
  return { kind: "drawn", texts: draw(task.source as never, random, task.samples), pages: [] };
};

type Generator = (source: never, random: Random, count: number) => TaskText[];

const generators = {
  arithmetic: (source: Extract<Source, { kind: "arithmetic" }>, random: Random, count: number) =>
    drawArithmetic(random, count, source).map((exercise) => ({ kind: "reference" as const, ...exercise })),
} satisfies Partial<Record<Source["kind"], Generator>>;

/** The texts of every task that could be loaded, by the task's name. */
export async function drawTexts(
  { store, sources, report, signal }: ValidatorContext,
  { round, competition }: { readonly round: Row<"rounds">; readonly competition: Competition },
): Promise<ReadonlyMap<string, readonly TaskText[]>> {
  const texts = new Map<string, readonly TaskText[]>();
  for (const task of competition.tasks) {
    const drawn = await sources(task, new Random(BigInt(round.seed)), signal);
    if (drawn.kind === "drawn") {
      await recordPages(store, round.id, drawn.pages);
      texts.set(task.name, drawn.texts);
    } else {
      const message = `Task ${task.name} is left out of the round at block ${round.sync_block}: ${drawn.reason}.`;
      await recordEvent(store, { level: "warning", kind: "task-dropped", message, block: round.sync_block });
      report({ kind: "task-dropped", task: task.name, reason: drawn.reason });
    }
  }
  return texts;
}
