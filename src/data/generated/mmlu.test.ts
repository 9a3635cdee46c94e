import { expect, test } from "bun:test";
import fc from "fast-check";
import { spaceClass } from "../../base/python-text.ts";
import { parseQuestion } from "./mmlu.ts";

/** The form as the original's expression of greedy wildcards, which is right and can take for ever. */
const greedy = new RegExp(
  ["([^\\n]*)", "A\\. ([^\\n]*)", "B\\. ([^\\n]*)", "C\\. ([^\\n]*)", "D\\. ([^\\n]*)"].join(`[${spaceClass}]+`),
  "u",
);

test("finds what greedy wildcards would find", () => {
  const piece = fc.constantFrom("A. ", "B. ", "C. ", "D. ", " ", "\n", "x", "A.", "\u00a0", "A. y B. z C. u ");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 24 }), fc.constantFrom("A", "B", "C", "D"), (pieces, letter) => {
      const text = pieces.join("");
      const match = greedy.exec(text);
      const parsed = parseQuestion(text, letter);
      expect(parsed).toEqual(
        match === null ? null : { question: match[1]!, answer: match[2 + "ABCD".indexOf(letter)]! },
      );
    }),
    { numRuns: 3000 },
  );
});

test("a text made to be slow is read in one walk", () => {
  // The expression above would try every combination of the 20000 places of each choice.
  const hostile = ["A. ", "B. ", "C. "].map((mark) => `x ${mark}`.repeat(20_000)).join("");
  expect(parseQuestion(hostile, "A")).toBeNull();
  expect(parseQuestion(`${hostile} D. end`, "D")).toEqual({ question: expect.any(String), answer: "end" });
});

test("a letter that is no choice has no answer", () => {
  expect(parseQuestion("q A. a B. b C. c D. d", "E")).toBeNull();
});
