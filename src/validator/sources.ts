/** Where the texts of each kind of source come from. */
import type { Random } from "../base/random.ts";
import type { Source } from "../competition/competition.ts";
import { drawArithmetic } from "../data/generated/arithmetic.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import type { TextSources } from "./text-source.ts";

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
