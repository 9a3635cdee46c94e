/** The table of evaluation methods, by the name that competitions call them. */
import { referenceLoss } from "./reference-loss.ts";
import type { TaskMethod } from "./task.ts";

export const methods: Readonly<Record<string, TaskMethod>> = {
  "reference-loss": referenceLoss,
};
