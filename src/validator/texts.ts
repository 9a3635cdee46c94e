/**
 * The texts of a round: each task's source, drawn from the round's seed, the same on every validator. What was drawn is
 * stored before it is used, so that a round that was cut off asks the same although its sources may say something else.
 */
import { FailureError } from "../base/errors.ts";
import { type Invalid, invalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import type { Competition, Task } from "../competition/competition.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { type NewDraw, readDraw, recordDraw } from "../store/draws.ts";
import { recordEvent } from "../store/events.ts";
import type { NewPage } from "../store/pages.ts";
import type { Row } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { ValidatorContext } from "./context.ts";

type Context = Pick<ValidatorContext, "store" | "sources" | "report" | "signal">;

export interface TextsInput {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
}

/**
 * The texts of every task that could be loaded, by the task's name; invalid when what was stored of them is damaged.
 * Throws `FailureError` when no task could be loaded: that is an outage, not a round with fewer tasks, so nothing of it is
 * stored and the next try draws the same again.
 */
export async function drawTexts(
  context: Context,
  input: TextsInput,
): Promise<ReadonlyMap<string, readonly TaskText[]> | Invalid> {
  const { store, report } = context;
  const texts = new Map<string, readonly TaskText[]>();
  const dropped: DroppedDraw[] = [];
  for (const task of input.competition.tasks) {
    const key = { roundId: input.round.id, task: task.name };
    const stored = await readDraw(store, key);
    if (stored?.state === "damaged") return invalid("damaged-texts", stored.reason);
    const { pages, ...draw } = stored === undefined ? await drawTask(context, input, task) : { ...stored, pages: [] };
    if (draw.state === "drawn") texts.set(task.name, draw.texts as readonly TaskText[]);
    else dropped.push({ task: task.name, reason: draw.reason, pages, isStored: stored !== undefined });
    if (draw.state === "drawn" && stored === undefined) await recordDraw(store, key, draw, pages);
  }
  for (const { task, reason } of dropped) report({ kind: "task-dropped", task, reason });
  if (texts.size === 0) throw new FailureError(`No task's data could be loaded. ${dropped[0]?.reason ?? ""}`.trim());
  await recordDropped(store, input.round, dropped);
  const samples = [...texts.values()].reduce((sum, { length }) => sum + length, 0);
  report({ kind: "drawn", tasks: texts.size, samples });
  return texts;
}

interface DroppedDraw {
  readonly task: string;
  readonly reason: string;
  readonly pages: readonly NewPage[];
  readonly isStored: boolean;
}

async function recordDropped(store: Store, round: Row<"rounds">, dropped: readonly DroppedDraw[]): Promise<void> {
  await store.transaction(async (inner) => {
    for (const { task, reason, pages, isStored } of dropped) {
      if (isStored) continue;
      await recordDraw(inner, { roundId: round.id, task }, { state: "dropped", reason }, pages);
      const message = `Task ${task} is left out of the round at block ${round.sync_block}: ${reason}`;
      await recordEvent(inner, { level: "warning", kind: "task-dropped", message, block: round.sync_block });
    }
  });
}

async function drawTask(
  { sources, signal }: Context,
  { round, competition }: TextsInput,
  task: Task,
): Promise<NewDraw & { readonly pages: readonly NewPage[] }> {
  const drawn = await sources(task, {
    random: new Random(BigInt(round.seed)),
    competition,
    syncBlock: round.sync_block,
    syncBlockHash: round.sync_block_hash,
    signal,
  });
  const pages = drawn.pages ?? [];
  return drawn.kind === "drawn"
    ? { state: "drawn", texts: drawn.texts, pages }
    : { state: "dropped", reason: drawn.reason, pages };
}
