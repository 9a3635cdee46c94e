/** How what a source gives becomes the text that a task's method asks for. */

import type { MethodKind } from "../competition/competition.ts";
import { type ReasoningSample, reasoningInstruction } from "../data/draw/reasoning.ts";
import type { TextPair } from "../data/files/pair.ts";
import { isChoice } from "../data/generated/mmlu.ts";
import type { TaskText } from "../eval/tasks/task.ts";

/** A pair in the form of a method; null where the method cannot use it. */
export const pairText: Readonly<Record<MethodKind, (pair: TextPair) => TaskText | null>> = {
  "text-loss": ({ context, reference }) => ({ kind: "document", text: context + reference }),
  "reference-loss": ({ context, reference }) => ({ kind: "reference", context, reference }),
  "response-loss": ({ context, reference }) => ({ kind: "conversation", prompt: context, response: reference }),
  "multiple-choice": ({ context, reference }) =>
    isChoice(reference) ? { kind: "choice", challenge: context, answer: reference } : null,
  "instruction-following": () => null,
};

/** A question of the reasoning sets, with what the model is told before it. */
export function reasoningText({ question, reference }: ReasoningSample): TaskText {
  const messages = [
    { role: "system", content: reasoningInstruction },
    { role: "user", content: question },
  ];
  return { kind: "reply", messages, reference };
}
