import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../base/random.ts";
import { drawInstruction } from "../../data/generated/instructions.ts";
import { instructionFollowing } from "./instruction-following.ts";
import { multipleChoice } from "./multiple-choice.ts";
import { referenceLoss } from "./reference-loss.ts";
import { splitSentences } from "./sentences.ts";
import { similarity } from "./similarity.ts";
import type { Answer, Question, TaskText } from "./task.ts";
import { textLoss } from "./text-loss.ts";

const limits = { sequenceLengthMax: 8, newTokensMax: 4, promptTokens: 3, repetitionPenalty: 1.1, endIds: [2] };
const loss: Answer = { kind: "loss", lossNatsMean: 1.5, tokensScored: 1 };
const text = (content: string): Answer => ({ kind: "text", text: content });

describe("reference loss", () => {
  const reference: TaskText = { kind: "reference", context: "", reference: "" };
  const ask = (context: number[], answer: number[]) => referenceLoss.questions([reference], [context, answer], limits);

  test("scores the reference alone, and drops the beginning of a context that is too long", () => {
    expect(ask([1, 2], [3, 4])[0]?.sample).toEqual({ kind: "loss", ids: [1, 2, 3, 4], scoredFrom: 2 });
    const sample = ask([1, 2, 3, 4, 5, 6, 7], [8, 9])[0]?.sample;
    expect(sample).toEqual({ kind: "loss", ids: [2, 3, 4, 5, 6, 7, 8, 9], scoredFrom: 6 });
  });

  test("a reference that is longer than the window is scored as far as it fits", () => {
    const sample = ask([1], [1, 2, 3, 4, 5, 6, 7, 8, 9])[0]?.sample;
    expect(sample).toEqual({ kind: "loss", ids: [1, 2, 3, 4, 5, 6, 7, 8], scoredFrom: 0 });
  });

  test("nothing scored is a failed sample", () => {
    expect(referenceLoss.loss([], [{ kind: "loss", lossNatsMean: null, tokensScored: 0 }])).toBe(Infinity);
  });
});

describe("text loss", () => {
  const texts: TaskText[] = ["a", "b", "c"].map((content) => ({ kind: "document", text: content }));
  const questions = textLoss.questions(texts, [[1, 2, 3, 4], [5, 6], [7]], limits);

  test("asks for every text and for continuations of the first two", () => {
    expect(questions.map(({ batch, sample }) => [batch, sample.kind])).toEqual([
      [0, "loss"],
      [1, "loss"],
      [2, "loss"],
      [0, "generation"],
      [0, "generation"],
    ]);
    expect(questions[3]?.sample).toMatchObject({ prompt: [1, 2, 3], newTokensMax: 4, endIds: [] });
  });

  test("fails the first batch of a model whose continuations are alike or of one token", () => {
    const first = questions.filter(({ batch }) => batch === 0);
    const judge = (one: number[], other: number[]) =>
      textLoss.loss(first, [loss, { kind: "generation", ids: one }, { kind: "generation", ids: other }]);
    expect(judge([1, 2, 3, 4], [5, 6, 7, 8])).toBe(1.5);
    expect(judge([1, 2, 3, 4], [1, 2, 7, 8])).toBe(Infinity);
    expect(judge([1, 1, 1, 2], [3, 5, 5, 5])).toBe(Infinity);
    expect(
      textLoss.loss(first, [loss, { kind: "generation", ids: [1] }, { kind: "failed", reason: "", detail: "" }]),
    ).toBe(Infinity);
    expect(textLoss.loss([questions[1]!], [loss])).toBe(1.5);
  });
});

describe("multiple choice", () => {
  const question: TaskText = { kind: "choice", challenge: "Which?", answer: "B" };

  test("keeps the end of a question, and reads the first letter that stands alone", () => {
    const asked = multipleChoice.questions([question], [[1, 2, 3, 4, 5, 6, 7, 8, 9]], limits);
    expect(asked[0]?.sample).toMatchObject({ prompt: [2, 3, 4, 5, 6, 7, 8, 9], endIds: [2], repetitionPenalty: 1.1 });
    const judged = ["B", " (B) or C", "C, not B", "Because", ""].map((said) =>
      multipleChoice.loss(asked, [text(said)]),
    );
    expect(judged).toEqual([0, 0, 1, 1, 1]);
  });
});

describe("instruction following", () => {
  const answered = { question: "why?", answer: "two words" };
  const drawn = drawInstruction(new Random(4), [answered, answered], {
    version: 2,
    tag: (words) => words.map(() => "NN"),
  });
  const sample: TaskText = { kind: "instructions", ...drawn };

  test("a drawn sample can be asked, stored as JSON and judged", () => {
    const questions = instructionFollowing.questions([sample, sample], [[1], [2], [3], [4]], limits);
    expect(questions.map(({ batch }) => batch)).toEqual([0, 0, 0, 0]);
    const stored = JSON.parse(JSON.stringify(questions)) as Question[];
    const worst = stored.map(() => text(""));
    expect(instructionFollowing.loss(stored, worst)).toBe(1);
    const failed = stored.map((): Answer => ({ kind: "failed", reason: "", detail: "" }));
    expect(instructionFollowing.loss(stored, failed)).toBe(1);
  });

  test("rules that are followed cost nothing, and answers that are alike cost everything", () => {
    const quiet: TaskText = { kind: "instructions", prompts: ["p", "q"], rules: [{ kind: "no-commas" }] };
    const questions = instructionFollowing.questions([quiet], [[1], [2]], limits);
    expect(instructionFollowing.loss(questions, [text("one"), text("and so it was")])).toBe(0);
    expect(instructionFollowing.loss(questions, [text("one, two"), text("and so it was")])).toBe(0.5);
    expect(instructionFollowing.loss(questions, [text("it was so"), text("it was so!")])).toBe(1);
  });
});

describe("sentences and similarity", () => {
  test("initials and numbers end no sentence before what cannot begin one", () => {
    expect(splitSentences("J. Bach wrote 5. in all. Did he? Yes.")).toEqual([
      "J. Bach wrote 5. in all.",
      "Did he?",
      "Yes.",
    ]);
    expect(splitSentences("He said (so.) Then he left.")).toEqual(["He said (so.)", "Then he left."]);
  });

  test("no text is lost but white space, and hostile ones end soon", () => {
    const piece = fc.constantFrom("a", "A.", " ", "\n", ". ", "..", "?", "!", '"', ")", "3.", ",", "e.g.");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const plain = pieces.join("");
        const kept = splitSentences(plain).join("");
        expect(kept.replace(/\s/g, "")).toBe(plain.replace(/\s/g, ""));
      }),
    );
    expect(splitSentences(". ".repeat(2000)).length).toBeGreaterThan(0);
  });

  test("a text is like itself, and not like one without a common character", () => {
    fc.assert(fc.property(fc.string(), (content) => expect(similarity(content, content)).toBe(1)));
    expect(similarity("abc", "xyz")).toBe(0);
  });
});
