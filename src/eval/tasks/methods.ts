/** The table of evaluation methods, by the name that competitions call them. */
import { instructionFollowing } from "./instruction-following.ts";
import { multipleChoice } from "./multiple-choice.ts";
import { referenceLoss } from "./reference-loss.ts";
import { responseLoss } from "./response-loss.ts";
import type { TaskMethod } from "./task.ts";
import { textLoss } from "./text-loss.ts";

export const methods = {
  "reference-loss": referenceLoss,
  "text-loss": textLoss,
  "response-loss": responseLoss,
  "multiple-choice": multipleChoice,
  "instruction-following": instructionFollowing,
} as const satisfies Readonly<Record<string, TaskMethod>>;
