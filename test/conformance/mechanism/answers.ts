/** if_eval_rules.json, similarity.json: what is read in an answer. */
import { isLower, isUpper, removePunctuation, splitLines, splitWords } from "../../../src/base/python-text.ts";
import { describeRule } from "../../../src/data/generated/instructions.ts";
import { followsRule } from "../../../src/eval/tasks/instruction-rules.ts";
import { splitSentences } from "../../../src/eval/tasks/sentences.ts";
import { similarity } from "../../../src/eval/tasks/similarity.ts";
import { ruleOf } from "./generated.ts";
import type { Tally } from "./tally.ts";

export function checkAnswerRules(tally: Tally): void {
  const { prompts, matches, text_functions: texts } = tally.read("if_eval_rules.json");
  const kinds = ["sentences-at-most", "sentences-at-least", "words-at-most", "words-at-least", "bullet-count"] as const;
  const described = [1, 2, 3].flatMap((count) => kinds.map((kind) => describeRule({ kind, count }, 0)));
  tally.equal("if_eval_rules.json prompts", described, prompts);
  for (const [index, vector] of matches.entries()) {
    const follows = followsRule(ruleOf(vector), vector.text, vector.index);
    tally.equal(`if_eval_rules.json matches[${index}] ${vector.rule}`, follows, vector.matches);
  }
  for (const [index, vector] of texts.entries()) {
    const { text } = vector;
    const where = `if_eval_rules.json text_functions[${index}]`;
    tally.equal(`${where} words`, splitWords(text).length, vector.words);
    tally.equal(`${where} sentences`, splitSentences(text), vector.sentences);
    tally.equal(`${where} keyword_words`, splitWords(removePunctuation(text)), vector.keyword_words);
    tally.equal(`${where} lines`, splitLines(text), vector.lines);
    tally.equal(`${where} case`, [isUpper(text), isLower(text)], [vector.is_upper, vector.is_lower]);
    tally.equal(`${where} lower`, text.toLowerCase(), vector.lower);
  }
}

export function checkSimilarity(tally: Tally): void {
  for (const [index, { a, b, ratio }] of tally.read("similarity.json").pairs.entries())
    tally.equal(`similarity.json pairs[${index}]`, similarity(a, b), ratio);
}
