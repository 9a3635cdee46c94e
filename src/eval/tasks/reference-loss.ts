/**
 * Mean NLL of a reference after its context, one batch a sample. The context and the reference are tokenised apart, as
 * the subnet does, so that every model is scored on the same number of tokens of the same tokenizer.
 */
import type { TextItem } from "../protocol.ts";
import type { Question, TaskMethod, TaskText } from "./task.ts";

export const referenceLoss: TaskMethod = {
  items: (texts) => texts.flatMap((text) => [contextOf(text), referenceOf(text)]),
  questions: (texts, ids, { sequenceLengthMax }) =>
    texts.map((_, index): Question => {
      const [whole, reference] = [ids[2 * index]!, ids[2 * index + 1]!];
      // What is too long loses the beginning of its context: the end is what the reference follows.
      const room = Math.max(sequenceLengthMax - reference.length, 0);
      const context = whole.slice(Math.max(whole.length - room, 0));
      const sequence = [...context, ...reference].slice(0, sequenceLengthMax);
      return { batch: index, sample: { kind: "loss", ids: sequence, scoredFrom: context.length } };
    }),
  // A sample of which nothing could be scored says nothing good about a model: it counts as failed.
  loss: (_, [answer]) => (answer?.kind === "loss" ? (answer.lossNatsMean ?? Infinity) : Infinity),
};

function contextOf(text: TaskText): TextItem {
  if (text.kind === "reference") return { kind: "text", text: text.context, addSpecialTokens: true };
  if (text.kind === "reply") return { kind: "chat", messages: text.messages, addGenerationPrompt: true };
  throw new Error(`assertion failed: a ${text.kind} has no reference`);
}

function referenceOf(text: TaskText): TextItem {
  const reference = text.kind === "reference" || text.kind === "reply" ? text.reference : "";
  return { kind: "text", text: reference, addSpecialTokens: false };
}
