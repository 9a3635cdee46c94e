/** The texts of a round: each task's source, drawn from the round's seed, the same on every validator. */
import { Random } from "../base/random.ts";
import type { Competition } from "../competition/competition.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { recordEvent } from "../store/events.ts";
import { recordPages } from "../store/rounds.ts";
import type { Row } from "../store/schema.ts";
import type { ValidatorContext } from "./context.ts";

/** The texts of every task that could be loaded, by the task's name. */
export async function drawTexts(
  { store, sources, report, signal }: Pick<ValidatorContext, "store" | "sources" | "report" | "signal">,
  { round, competition }: { readonly round: Row<"rounds">; readonly competition: Competition },
): Promise<ReadonlyMap<string, readonly TaskText[]>> {
  const texts = new Map<string, readonly TaskText[]>();
  for (const task of competition.tasks) {
    const drawn = await sources(task, {
      random: new Random(BigInt(round.seed)),
      competition,
      syncBlock: round.sync_block,
      syncBlockHash: round.sync_block_hash,
      signal,
    });
    await recordPages(store, round.id, drawn.pages ?? []);
    if (drawn.kind === "drawn") {
      texts.set(task.name, drawn.texts);
    } else {
      const message = `Task ${task.name} is left out of the round at block ${round.sync_block}: ${drawn.reason}`;
      await recordEvent(store, { level: "warning", kind: "task-dropped", message, block: round.sync_block });
      report({ kind: "task-dropped", task: task.name, reason: drawn.reason });
    }
  }
  return texts;
}
