/** Whether an answer follows a rule for its form; the rules are those that `data/generated/instructions.ts` draws. */
import { isLower, isUpper, removePunctuation, splitLines, splitWords, stripStart } from "../../base/python-text.ts";
import { splitSentences } from "./sentences.ts";

/** Pairs are for the first and the second of the two questions that share the rule. */
export type AnswerRule =
  | {
      readonly kind: "words-at-most" | "words-at-least" | "sentences-at-most" | "sentences-at-least" | "bullet-count";
      readonly count: number;
    }
  | { readonly kind: "all-upper-case" | "all-lower-case" | "no-commas" | "quotation" }
  | { readonly kind: "keyword-inclusion" | "keyword-forbidden"; readonly keywords: readonly [string, string] }
  | {
      readonly kind: "keyword-frequency";
      readonly keywords: readonly [string, string];
      readonly counts: readonly [number, number];
    }
  | { readonly kind: "ends-with"; readonly phrase: string };

/** @param index which of the two questions was answered */
export function followsRule(rule: AnswerRule, answer: string, index: 0 | 1): boolean {
  switch (rule.kind) {
    case "words-at-most":
      return splitWords(answer).length <= rule.count;
    case "words-at-least":
      return splitWords(answer).length >= rule.count;
    case "sentences-at-most":
      return splitSentences(answer).length <= rule.count;
    case "sentences-at-least":
      return splitSentences(answer).length >= rule.count;
    case "bullet-count":
      return splitLines(answer).filter((line) => stripStart(line).startsWith("*")).length === rule.count;
    case "all-upper-case":
      return isUpper(answer);
    case "all-lower-case":
      return isLower(answer);
    case "no-commas":
      return !answer.includes(",");
    case "quotation":
      return answer.startsWith('"') && answer.endsWith('"');
    case "ends-with":
      return answer.toLowerCase().endsWith(rule.phrase.toLowerCase());
    case "keyword-inclusion":
      return countKeyword(answer, rule.keywords[index]) > 0;
    case "keyword-forbidden":
      return countKeyword(answer, rule.keywords[index]) === 0;
    case "keyword-frequency":
      return countKeyword(answer, rule.keywords[index]) === rule.counts[index];
  }
}

function countKeyword(answer: string, keyword: string): number {
  const wanted = keyword.toLowerCase();
  return splitWords(removePunctuation(answer)).filter((word) => word.toLowerCase() === wanted).length;
}
