/** word_sorting*.json, dyck.json, mmlu.json, if_eval_samples.json: the same draws as the original's. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../../src/base/random.ts";
import type { Exercise } from "../../../src/data/generated/arithmetic.ts";
import { drawDyck } from "../../../src/data/generated/dyck.ts";
import {
  describeRule,
  drawInstruction,
  drawInstructions,
  type InstructionRule,
  type InstructionRuleKind,
  incompatible,
} from "../../../src/data/generated/instructions.ts";
import { drawConfigs, drawQuestions, parseQuestion } from "../../../src/data/generated/mmlu.ts";
import { drawWordSorting } from "../../../src/data/generated/word-sorting.ts";
import type { Tally, Vector } from "./tally.ts";

const pairOf = ({ context, reference }: Exercise) => [context, reference];

export function checkWordSorting(tally: Tally): void {
  const { words, cases } = tally.read("word_sorting.json");
  for (const [index, vector] of cases.entries()) {
    const drawn = drawWordSorting(new Random(BigInt(vector.seed)), vector.samples, {
      words,
      wordsMin: vector.min_word_count ?? 2,
      wordsMax: vector.max_word_count ?? 20,
      lettersMin: vector.min_word_length ?? 3,
    });
    checkEnds(tally, `word_sorting.json cases[${index}]`, drawn, vector);
  }
  checkFullList(tally);
}

function checkEnds(tally: Tally, where: string, drawn: readonly Exercise[], { first, last }: Vector): void {
  tally.equal(`${where} first`, drawn.slice(0, first.length).map(pairOf), first);
  tally.equal(`${where} last`, pairOf(drawn.at(-1)!), last);
}

/** With the real word list, which is not part of this repository. */
function checkFullList(tally: Tally): void {
  const listPath = join(tally.folder, "en-basic.txt");
  if (!existsSync(listPath)) return;
  const words = readFileSync(listPath, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  for (const [index, vector] of tally.read("word_sorting.full.json").cases.entries()) {
    const options = { words, wordsMin: 2, wordsMax: 20, lettersMin: 3 };
    const drawn = drawWordSorting(new Random(BigInt(vector.seed)), vector.samples, options);
    const where = `word_sorting.full.json cases[${index}]`;
    checkEnds(tally, where, drawn, vector);
    const digest = new Bun.CryptoHasher("sha256").update(drawn.flatMap(pairOf).join("\n")).digest("hex");
    tally.equal(`${where} digest`, digest, vector.sha256_of_all);
  }
}

export function checkDyck(tally: Tally): void {
  for (const [index, vector] of tally.read("dyck.json").cases.entries()) {
    const drawn = drawDyck(new Random(BigInt(vector.seed)), vector.samples, { pairsMin: 2, pairsMax: 20 });
    checkEnds(tally, `dyck.json cases[${index}]`, drawn, vector);
  }
}

export function checkMmlu(tally: Tally): void {
  const { sampled_configs: count, cases, question_and_answer: questions } = tally.read("mmlu.json");
  for (const [index, vector] of cases.entries()) {
    const random = new Random(BigInt(vector.seed));
    const { names, rows } = readConfigs(random, vector.configs, count, vector.unreadable_configs);
    tally.equal(`mmlu.json cases[${index}] configs`, names, vector.configs_read);
    const drawn = drawQuestions(random, rows, { hotkeys: new Set(vector.validators), samplesMax: vector.max_samples });
    tally.equal(
      `mmlu.json cases[${index}] ids`,
      drawn.map(({ id }) => id),
      vector.ids_in_order,
    );
  }
  for (const [index, { text, answer, out }] of questions.entries()) {
    const parsed = parseQuestion(text, answer);
    tally.equal(
      `mmlu.json question_and_answer[${index}]`,
      parsed === null ? null : [parsed.question, parsed.answer],
      out,
    );
  }
}

function readConfigs(random: Random, configs: Vector, count: number, unreadable: readonly string[]) {
  const names = drawConfigs(
    random,
    configs.map(([name]: [string]) => name),
    count,
  );
  const byName = new Map<string, Vector>(configs);
  const readable = names.filter((name) => !unreadable.includes(name));
  const rows = readable.flatMap((name) =>
    byName.get(name).map(([id, challenge, reference, hotkey]: string[]) => ({ id, challenge, reference, hotkey })),
  );
  return { names: readable, rows };
}

const kinds: Readonly<Record<string, InstructionRuleKind>> = {
  WORD_COUNT_AT_MOST: "words-at-most",
  WORD_COUNT_AT_LEAST: "words-at-least",
  SENTENCE_COUNT_AT_MOST: "sentences-at-most",
  SENTENCE_COUNT_AT_LEAST: "sentences-at-least",
  ALL_UPPER_CASE: "all-upper-case",
  ALL_LOWER_CASE: "all-lower-case",
  NO_COMMAS: "no-commas",
  KEYWORD_INCLUSION: "keyword-inclusion",
  KEYWORD_FREQUENCY: "keyword-frequency",
  KEYWORD_FORBIDDEN: "keyword-forbidden",
  BULLET_COUNT_FREQUENCY: "bullet-count",
  ENDS_WITH: "ends-with",
  QUOTATION: "quotation",
};

/** By the original's numbers, of which 12 names a rule that was never made. */
const numbered: Readonly<Record<number, InstructionRuleKind>> = {
  1: "words-at-most",
  2: "words-at-least",
  3: "sentences-at-most",
  4: "sentences-at-least",
  5: "all-upper-case",
  6: "all-lower-case",
  7: "no-commas",
  8: "keyword-inclusion",
  9: "keyword-frequency",
  10: "keyword-forbidden",
  11: "bullet-count",
  13: "ends-with",
  14: "quotation",
};

export function ruleOf({ name, rule, ...fields }: Vector): InstructionRule {
  const kind = kinds[name ?? rule]!;
  const { count, phrase, keywords, keywords_and_counts: frequencies } = fields;
  if (frequencies !== undefined)
    return {
      kind: "keyword-frequency",
      keywords: frequencies.map(([keyword]: [string]) => keyword),
      counts: frequencies.map(([, times]: [string, number]) => times),
    };
  if (keywords !== undefined) return { kind, keywords } as InstructionRule;
  if (phrase !== undefined) return { kind: "ends-with", phrase };
  return (count === undefined ? { kind } : { kind, count }) as InstructionRule;
}

export function checkInstructions(tally: Tally): void {
  const file = tally.read("if_eval_samples.json");
  for (const { rule, not_with: others } of file.incompatible) {
    if (numbered[rule] === undefined) continue;
    const expected = others.map((other: number) => numbered[other]);
    tally.equal(
      `if_eval_samples.json incompatible ${rule}`,
      incompatible[numbered[rule]].toSorted(),
      expected.toSorted(),
    );
  }
  const tag = (words: readonly string[]) => words.map((word) => file.tags[word.toLowerCase()] ?? file.other_tag);
  for (const [index, vector] of file.direct.entries()) {
    const where = `if_eval_samples.json direct[${index}]`;
    const [first, second] = vector.qa.map(([question, answer]: string[]) => ({ question, answer }));
    const sample = drawInstruction(new Random(BigInt(vector.seed)), [first, second], { version: vector.version, tag });
    tally.equal(`${where} rules`, sample.rules, vector.rules.map(ruleOf));
    const described = sample.rules.map((rule) => [describeRule(rule, 0), describeRule(rule, 1)]);
    tally.equal(`${where} prompts`, described, vector.prompts);
    tally.equal(`${where} prompt_1`, sample.prompts[0], vector.prompt_1);
  }
  for (const [index, vector] of file.loader.entries()) {
    const random = new Random(BigInt(vector.seed));
    const { rows } = readConfigs(random, file.dataset, 10, []);
    const samplesMax = 20;
    const hotkeys = new Set<string>(file.validators);
    const questions = drawQuestions(random, rows, { hotkeys, samplesMax: 2 * samplesMax });
    const parsed = questions.flatMap(({ challenge, reference }) => parseQuestion(challenge, reference) ?? []);
    const samples = drawInstructions(random, parsed, { version: vector.version, tag, samplesMax });
    const where = `if_eval_samples.json loader[${index}]`;
    tally.equal(`${where} samples`, samples.length, vector.samples);
    for (const [place, expected] of vector.out.entries()) {
      tally.equal(`${where} out[${place}] prompts`, samples[place]?.prompts, [expected.prompt_1, expected.prompt_2]);
      tally.equal(
        `${where} out[${place}] rules`,
        samples[place]?.rules,
        expected.rules.map(({ id, ...rule }: Vector) => ruleOf(rule)),
      );
    }
  }
}
