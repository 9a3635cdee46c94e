/**
 * Mean NLL of an answer in a conversation, one batch a sample: the model's chat template of question and answer, cut at
 * the sequence's length, and scored from where the template of the question alone ends.
 */
import type { TaskMethod, TaskText } from "./task.ts";

export const responseLoss: TaskMethod = {
  items: (texts) =>
    texts.flatMap((text) => {
      const { prompt, response } = conversation(text);
      const question = { role: "user", content: prompt };
      const answer = { role: "assistant", content: response };
      return [
        { kind: "chat" as const, messages: [question], addGenerationPrompt: true },
        { kind: "chat" as const, messages: [question, answer], addGenerationPrompt: false },
      ];
    }),
  questions: (texts, ids, { sequenceLengthMax }) =>
    texts.map((_, index) => {
      const [prompt, whole] = [ids[2 * index]!, ids[2 * index + 1]!];
      const scoredFrom = Math.min(prompt.length, sequenceLengthMax);
      return { batch: index, sample: { kind: "loss", ids: whole.slice(0, sequenceLengthMax), scoredFrom } };
    }),
  // An answer without a token has no loss; the original's NaN loses every match, and so does Infinity.
  loss: (_, [answer]) => (answer?.kind === "loss" ? (answer.lossNatsMean ?? Infinity) : Infinity),
};

function conversation(text: TaskText): Extract<TaskText, { kind: "conversation" }> {
  if (text.kind === "conversation") return text;
  throw new Error(`assertion failed: a ${text.kind} is no conversation`);
}
