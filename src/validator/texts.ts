/**
 * The texts of a round: each task's source, drawn from the round's seed, the same on every validator. What was drawn is
 * stored before it is used, so that a round that was cut off asks the same although its sources may say something else.
 */
import { type Invalid, invalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import type { Competition, Task } from "../competition/competition.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { type NewDraw, readDraw, recordDraw } from "../store/draws.ts";
import { recordEvent } from "../store/events.ts";
import type { Row } from "../store/schema.ts";
import type { ValidatorContext } from "./context.ts";

type Context = Pick<ValidatorContext, "store" | "sources" | "report" | "signal">;

export interface TextsInput {
  readonly round: Row<"rounds">;
  readonly competition: Competition;
}

/** The texts of every task that could be loaded, by the task's name; invalid when what was stored of them is damaged. */
export async function drawTexts(
  context: Context,
  input: TextsInput,
): Promise<ReadonlyMap<string, readonly TaskText[]> | Invalid> {
  const { store, report } = context;
  const texts = new Map<string, readonly TaskText[]>();
  for (const task of input.competition.tasks) {
    const stored = await readDraw(store, { roundId: input.round.id, task: task.name });
    const draw = stored ?? (await drawTask(context, input, task));
    if (draw.state === "damaged") return invalid("damaged-texts", draw.reason);
    if (draw.state === "drawn") texts.set(task.name, draw.texts as readonly TaskText[]);
    else report({ kind: "task-dropped", task: task.name, reason: draw.reason });
  }
  const samples = [...texts.values()].reduce((sum, { length }) => sum + length, 0);
  report({ kind: "drawn", tasks: texts.size, samples });
  return texts;
}

async function drawTask({ store, sources, signal }: Context, { round, competition }: TextsInput, task: Task) {
  const drawn = await sources(task, {
    random: new Random(BigInt(round.seed)),
    competition,
    syncBlock: round.sync_block,
    syncBlockHash: round.sync_block_hash,
    signal,
  });
  const draw: NewDraw =
    drawn.kind === "drawn" ? { state: "drawn", texts: drawn.texts } : { state: "dropped", reason: drawn.reason };
  await store.transaction(async (inner) => {
    await recordDraw(inner, { roundId: round.id, task: task.name }, draw, drawn.pages ?? []);
    if (draw.state === "drawn") return;
    const message = `Task ${task.name} is left out of the round at block ${round.sync_block}: ${draw.reason}`;
    await recordEvent(inner, { level: "warning", kind: "task-dropped", message, block: round.sync_block });
  });
  return draw;
}
