/**
 * How badly a model follows rules for the form of its answers, 0 … 1. Each of two responses to a sample costs
 * 1 − (rules followed / rules)², once per rule; a model that answers different questions alike on more than a tenth of
 * the samples is given 1. Since that decides over all samples at once, they are one batch.
 */
import { z } from "zod";
import { type AnswerRule, followsRule } from "./instruction-rules.ts";
import { similarity } from "./similarity.ts";
import { type Answer, generationLimits, type Question, type TaskMethod, type TaskText } from "./task.ts";

const alikeAbove = 0.6;
const alikePartMax = 0.1;

export const instructionFollowing: TaskMethod = {
  readsText: true,
  items: (texts) =>
    texts.flatMap((text) =>
      instructionsOf(text).prompts.map((content) => {
        return { kind: "chat" as const, messages: [{ role: "user", content }], addGenerationPrompt: true };
      }),
    ),
  questions(texts, ids, limits) {
    const generation = { kind: "generation", ...generationLimits(limits) } as const;
    return texts.flatMap((text, sample) =>
      ([0, 1] as const).map((index): Question => {
        const prompt = ids[2 * sample + index]!.slice(-limits.sequenceLengthMax);
        const reference = { sample, index, rules: instructionsOf(text).rules };
        return { batch: 0, sample: { ...generation, prompt }, reference };
      }),
    );
  },
  loss(questions, answers) {
    const samples = new Map<number, { rules: readonly AnswerRule[]; responses: [string | null, string | null] }>();
    for (const [place, { reference }] of questions.entries()) {
      const { sample, index, rules } = referenceSchema.parse(reference);
      const known = samples.get(sample) ?? { rules: rules as readonly AnswerRule[], responses: [null, null] };
      known.responses[index] = textOf(answers[place]);
      samples.set(sample, known);
    }
    return scoreInstructions([...samples.values()]);
  },
};

/** The score of all samples; a response of null is a generation that failed, with which the whole sample fails. */
export function scoreInstructions(
  samples: readonly {
    readonly rules: readonly AnswerRule[];
    readonly responses: readonly [string | null, string | null];
  }[],
): number {
  let cost = 0;
  let counted = 0;
  let alike = 0;
  for (const { rules, responses } of samples) {
    counted += 2 * rules.length;
    const [first, second] = responses;
    if (first === null || second === null) {
      cost += 2 * rules.length;
      continue;
    }
    if (similarity(first, second) > alikeAbove) alike += 1;
    for (const [index, response] of [first, second].entries()) {
      const followed = rules.filter((rule) => followsRule(rule, response, index as 0 | 1)).length;
      cost += rules.length * (1 - (followed / rules.length) ** 2);
    }
  }
  if (alike > samples.length * alikePartMax || counted === 0) return 1;
  return cost / counted;
}

/** Stored with the questions; the rules themselves were drawn by this program. */
const referenceSchema = z.object({
  sample: z.int().min(0),
  index: z.union([z.literal(0), z.literal(1)]),
  rules: z.array(z.object({ kind: z.string() }).loose()),
});

function textOf(answer: Answer | undefined): string | null {
  return answer?.kind === "text" ? answer.text : null;
}

function instructionsOf(text: TaskText): Extract<TaskText, { kind: "instructions" }> {
  if (text.kind === "instructions") return text;
  throw new Error(`assertion failed: a ${text.kind} has no rules`);
}
