/** The part of questions that a model answers wrongly, one batch a question: 0 for the right letter, 1 for anything else. */
import { splitWords } from "../../base/python-text.ts";
import { generationLimits, type TaskMethod, type TaskText } from "./task.ts";

const choices = new Set(["A", "B", "C", "D"]);

export const multipleChoice: TaskMethod = {
  readsText: true,
  items: (texts) =>
    texts.map((text) => {
      const messages = [{ role: "user", content: choiceOf(text).challenge }];
      return { kind: "chat", messages, addGenerationPrompt: true };
    }),
  questions(texts, ids, limits) {
    const generation = { kind: "generation", ...generationLimits(limits) } as const;
    return texts.map((text, index) => {
      // The end of a question that is too long holds its choices.
      const prompt = ids[index]!.slice(-limits.sequenceLengthMax);
      return { batch: index, sample: { ...generation, prompt }, reference: choiceOf(text).answer };
    });
  },
  loss([question], [answer]) {
    return answer?.kind === "text" && chosenLetter(answer.text) === question?.reference ? 0 : 1;
  },
};

/** The first letter of a choice that stands alone in a response; null when there is none. */
export function chosenLetter(response: string): string | null {
  const words = splitWords(response.replace(/[^\p{L}\p{N}_]/gu, " "));
  return words.find((word) => choices.has(word)) ?? null;
}

function choiceOf(text: TaskText): Extract<TaskText, { kind: "choice" }> {
  if (text.kind === "choice") return text;
  throw new Error(`assertion failed: a ${text.kind} has no choices`);
}
