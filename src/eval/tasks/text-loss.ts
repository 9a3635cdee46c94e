/**
 * Mean NLL of a text, one batch a text. A model that has learnt to please the loss alone is found out by what it writes:
 * it continues the first two texts, and continuations that are alike, or repeat one token, fail the model.
 *
 * The original pads all texts to one length and counts the padding, and lets the model continue the whole padded text
 * instead of its beginning; here padding does not exist, and the prompt is the beginning.
 */
import { type Answer, generationLimits, type Question, type TaskMethod, type TaskText } from "./task.ts";

export const textLoss: TaskMethod = {
  items: (texts) => texts.map((text) => ({ kind: "text", text: documentOf(text), addSpecialTokens: true })),
  questions(texts, ids, limits) {
    const { sequenceLengthMax, promptTokens = 100 } = limits;
    const { newTokensMax, repetitionPenalty } = generationLimits(limits);
    const losses = texts.map((_, index): Question => {
      const text = ids[index]!.slice(0, sequenceLengthMax);
      return { batch: index, sample: { kind: "loss", ids: text, scoredFrom: 0 } };
    });
    // Both continuations belong to the first batch, which fails with them. They run to their full length.
    const continued = losses.slice(0, 2).map(({ sample }): Question => {
      const prompt = sample.kind === "loss" ? sample.ids.slice(0, promptTokens) : [];
      return { batch: 0, sample: { kind: "generation", prompt, newTokensMax, repetitionPenalty, endIds: [] } };
    });
    return [...losses, ...continued];
  },
  loss(questions, answers) {
    const [first, second] = answersTo("generation", questions, answers);
    const isFirstBatch = questions.some(({ sample }) => sample.kind === "generation");
    if (isFirstBatch && !(first?.kind === "generation" && second?.kind === "generation")) return Infinity;
    if (first?.kind === "generation" && second?.kind === "generation" && !areReasonable(first.ids, second.ids))
      return Infinity;
    const [loss] = answersTo("loss", questions, answers);
    return loss?.kind === "loss" ? (loss.lossNatsMean ?? Infinity) : Infinity;
  },
};

/** Whether two continuations differ in more than half of their places, and not both consist mostly of one token. */
export function areReasonable(first: readonly number[], second: readonly number[]): boolean {
  const half = Math.max(first.length, second.length) / 2;
  const equal = first.filter((id, place) => id === second[place]).length;
  if (equal >= half) return false;
  return !(mostFrequent(first) > half && mostFrequent(second) > half);
}

function mostFrequent(ids: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

function answersTo(kind: "loss" | "generation", questions: readonly Question[], answers: readonly Answer[]): Answer[] {
  return questions.flatMap(({ sample }, index) => (sample.kind === kind ? [answers[index]!] : []));
}

function documentOf(text: TaskText): string {
  if (text.kind === "document") return text.text;
  throw new Error(`assertion failed: a ${text.kind} is no document`);
}
