/**
 * Questions with rules for the form of the answer: the subnet's test of following instructions. Two questions share a set
 * of rules, so that a model that answers everything alike is found out.
 */
import { lengthOf, removePunctuation, splitWords } from "../../base/python-text.ts";
import type { Random } from "../../base/random.ts";
import type { QuestionAndAnswer } from "./mmlu.ts";

/** A rule that an answer must follow; pairs are for the first and the second question. */
export type InstructionRule =
  | { readonly kind: CountedKind; readonly count: number }
  | { readonly kind: "all-upper-case" | "all-lower-case" | "no-commas" | "quotation" }
  | { readonly kind: "keyword-inclusion" | "keyword-forbidden"; readonly keywords: readonly [string, string] }
  | {
      readonly kind: "keyword-frequency";
      readonly keywords: readonly [string, string];
      readonly counts: readonly [number, number];
    }
  | { readonly kind: "ends-with"; readonly phrase: string };

type CountedKind = "words-at-most" | "words-at-least" | "sentences-at-most" | "sentences-at-least" | "bullet-count";

export type InstructionRuleKind = InstructionRule["kind"];

export interface InstructionSample {
  readonly prompts: readonly [string, string];
  readonly rules: readonly InstructionRule[];
}

/** Tells the part of speech of each word in Penn Treebank's tags. */
export type PartOfSpeechTagger = (words: readonly string[]) => readonly string[];

/** The kinds of each version in the order that the original's numbers give them, and how many rules a sample has. */
const versions = {
  1: {
    kinds: [
      "words-at-most",
      "words-at-least",
      "sentences-at-most",
      "sentences-at-least",
      "all-upper-case",
      "all-lower-case",
      "no-commas",
    ],
    rulesMin: 1,
    rulesMax: 4,
  },
  2: {
    kinds: [
      "words-at-most",
      "words-at-least",
      "sentences-at-most",
      "sentences-at-least",
      "all-upper-case",
      "all-lower-case",
      "no-commas",
      "keyword-inclusion",
      "keyword-frequency",
      "keyword-forbidden",
      "bullet-count",
      "ends-with",
      "quotation",
    ],
    rulesMin: 2,
    rulesMax: 5,
  },
} as const satisfies Record<1 | 2, { kinds: readonly InstructionRuleKind[]; rulesMin: number; rulesMax: number }>;

/** With which kinds a kind cannot be followed at once (a text of one sentence has no three bullets). */
export const incompatible: Readonly<Record<InstructionRuleKind, readonly InstructionRuleKind[]>> = {
  "words-at-most": ["words-at-least", "sentences-at-most", "sentences-at-least", "bullet-count", "ends-with"],
  "words-at-least": ["words-at-most", "sentences-at-most"],
  "sentences-at-most": ["words-at-most", "words-at-least", "sentences-at-least", "bullet-count", "ends-with"],
  "sentences-at-least": ["words-at-most", "sentences-at-most"],
  "all-upper-case": ["all-lower-case"],
  "all-lower-case": ["all-upper-case"],
  "no-commas": [],
  "keyword-inclusion": [],
  "keyword-frequency": [],
  "keyword-forbidden": [],
  "bullet-count": ["words-at-most", "sentences-at-most"],
  "ends-with": ["words-at-most", "sentences-at-most", "quotation"],
  quotation: ["ends-with"],
};

export interface InstructionOptions {
  readonly version: 1 | 2;
  readonly tag: PartOfSpeechTagger;
}

/**
 * The samples of a round: each question with its successor. Questions whose answer has a single word are left out.
 * @param random the generator that drew the questions
 * @param questions in the drawn order, twice as many as samples are wanted
 */
export function drawInstructions(
  random: Random,
  questions: readonly QuestionAndAnswer[],
  { samplesMax, ...options }: InstructionOptions & { readonly samplesMax: number },
): InstructionSample[] {
  const usable = questions.filter(({ answer }) => splitWords(answer).length >= 2);
  const count = Math.max(0, Math.min(samplesMax, usable.length - 1));
  return Array.from({ length: count }, (_, index) =>
    drawInstruction(random, [usable[index]!, usable[index + 1]!], options),
  );
}

/** One sample: the kinds are shuffled, and the first ones that can be followed together are taken. */
export function drawInstruction(
  random: Random,
  questions: readonly [QuestionAndAnswer, QuestionAndAnswer],
  { version, tag }: InstructionOptions,
): InstructionSample {
  const { kinds, rulesMin, rulesMax } = versions[version];
  const shuffled: InstructionRuleKind[] = [...kinds];
  random.shuffle(shuffled);
  const wanted = random.integer(rulesMin, rulesMax);
  const rules: InstructionRule[] = [];
  for (const kind of shuffled) {
    if (rules.length === wanted) break;
    if (rules.some((rule) => incompatible[kind].includes(rule.kind))) continue;
    rules.push(drawRule(random, kind, rules, questions, tag));
  }
  const promptOf = (index: 0 | 1) => {
    const lines = rules.map((rule, place) => `${place + 1}. ${describeRule(rule, index)}`);
    return `Please answer the question below, denoted between quotes. Your response must follow these rules:\n${lines.join("\n")}\n\n"${questions[index].question}"\n`;
  };
  return { prompts: [promptOf(0), promptOf(1)], rules };
}

const endings = [
  "Let me know if you have additional questions.",
  "Is there anything else I can help with?",
  "Hope that helps.",
] as const;

function drawRule(
  random: Random,
  kind: InstructionRuleKind,
  rules: readonly InstructionRule[],
  questions: readonly [QuestionAndAnswer, QuestionAndAnswer],
  tag: PartOfSpeechTagger,
): InstructionRule {
  const taken = rules.flatMap((rule) => ("keywords" in rule ? rule.keywords : []));
  const keyword = (index: 0 | 1) => drawKeyword(random, questions[index].answer, taken, tag);
  switch (kind) {
    case "words-at-most":
    case "words-at-least":
      return { kind, count: random.choice([25, 30, 35, 40, 45]) };
    case "sentences-at-most":
    case "bullet-count":
      return { kind, count: random.choice([1, 2, 3]) };
    case "sentences-at-least":
      return { kind, count: random.choice([2, 3]) };
    case "keyword-inclusion":
    case "keyword-forbidden":
      return { kind, keywords: [keyword(0), keyword(1)] };
    case "keyword-frequency": {
      // The count of the first question is drawn before the keyword of the second.
      const first = [keyword(0), random.integer(1, 4)] as const;
      const second = [keyword(1), random.integer(1, 4)] as const;
      return { kind, keywords: [first[0], second[0]], counts: [first[1], second[1]] };
    }
    case "ends-with":
      return { kind, phrase: random.choice(endings) };
    default:
      return { kind };
  }
}

/** Nouns, adjectives, adverbs and verbs. */
const contentTags = new Set([
  "JJ",
  "JJR",
  "JJS",
  "NN",
  "NNS",
  "NNP",
  "NNPS",
  "RB",
  "RBR",
  "RBS",
  "VB",
  "VBD",
  "VBG",
  "VBN",
  "VBP",
  "VBZ",
]);

/** A word of the answer, with a meaning of its own if there is one that no other rule has taken. */
function drawKeyword(random: Random, answer: string, taken: readonly string[], tag: PartOfSpeechTagger): string {
  const used = new Set(taken.map((word) => word.toLowerCase()));
  const words = splitWords(removePunctuation(answer));
  const tags = tag(words);
  const free = words.map((word) => !used.has(word.toLowerCase()));
  const meaningful = words.filter((word, at) => free[at] && contentTags.has(tags[at]!) && lengthOf(word) > 2);
  if (meaningful.length > 0) return random.choice(meaningful);
  const unused = words.filter((_, at) => free[at]);
  return random.choice(unused.length > 0 ? unused : ["answer", "question", "response"]);
}

/** A rule as a prompt states it, to the first or the second question. */
export function describeRule(rule: InstructionRule, index: 0 | 1): string {
  switch (rule.kind) {
    case "words-at-most":
      return `The response must be no more than ${counted(rule.count, "word")}.`;
    case "words-at-least":
      return `The response must be at least ${counted(rule.count, "word")}.`;
    case "sentences-at-most":
      return `The response must be no more than ${counted(rule.count, "sentence")}.`;
    case "sentences-at-least":
      return `The response must be at least ${counted(rule.count, "sentence")}.`;
    case "all-upper-case":
      return "All letters in the response must be uppercase.";
    case "all-lower-case":
      return "All letters in the response must be lowercase.";
    case "no-commas":
      return "Do not use any commas in your response.";
    case "bullet-count":
      return `The response must contain exactly ${rule.count} '*' bullet point${rule.count === 1 ? "" : "s"} in markdown format.`;
    case "keyword-inclusion":
      return `The word "${rule.keywords[index]}" must be included in the response.`;
    case "keyword-forbidden":
      return `The word "${rule.keywords[index]}" must not be included in the response.`;
    case "keyword-frequency":
      return `Include the word "${rule.keywords[index]}" ${counted(rule.counts[index], "time")}.`;
    case "ends-with":
      return `End your response with the exact phrase "${rule.phrase}"`;
    case "quotation":
      return "Wrap your entire response in double quotation marks.";
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
