/**
 * Mean NLL of a reference after its context, one batch a sample. The context and the reference are tokenised apart, as
 * the subnet does, so that every model is scored on the same number of tokens of the same tokenizer.
 */
import type { Question, TaskMethod, TaskText } from "./task.ts";

export const referenceLoss: TaskMethod = {
  items: (texts) =>
    texts.flatMap((text) => {
      const { context, reference } = parts(text);
      return [
        { kind: "text" as const, text: context, addSpecialTokens: true },
        { kind: "text" as const, text: reference, addSpecialTokens: false },
      ];
    }),
  questions: (texts, ids, { sequenceLengthMax }) =>
    texts.map((_, index): Question => {
      const [context, reference] = [ids[2 * index]!, ids[2 * index + 1]!];
      const whole = [...context, ...reference].slice(0, sequenceLengthMax);
      return { batch: index, sample: { kind: "loss", ids: whole, scoredFrom: context.length } };
    }),
  // A sample of which nothing could be scored says nothing good about a model: it counts as failed.
  loss: (_, [answer]) => (answer?.kind === "loss" ? (answer.lossNatsMean ?? Infinity) : Infinity),
};

function parts(text: TaskText): { readonly context: string; readonly reference: string } {
  if (text.kind === "reference") return text;
  throw new Error(`assertion failed: a ${text.kind} has no reference`);
}
