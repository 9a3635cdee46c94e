/**
 * Tells nouns from verbs as NLTK's averaged perceptron does (Honnibal, 2013): a word's tag is the class with the highest
 * sum of the weights of its features, which are the word, its ends, its neighbours and the two tags before it. The weights
 * are NLTK's data (`averaged_perceptron_tagger_eng`), to be fetched, and no part of this program.
 */
import { z } from "zod";
import { type Invalid, invalid } from "../../base/invalid.ts";
import { type JsonObject, parseJsonBytes } from "../../base/json.ts";
import { byCodePoint } from "../../base/python-text.ts";
import type { PartOfSpeechTagger } from "./instructions.ts";

/** The three files of the data, by the last part of their names. */
export interface TaggerFiles {
  /** Feature → class → weight. */
  readonly weights: Uint8Array;
  /** Words that have one tag only. */
  readonly tagdict: Uint8Array;
  readonly classes: Uint8Array;
}

const schemas = {
  weights: z.record(z.string(), z.record(z.string(), z.number())),
  tagdict: z.record(z.string(), z.string()),
  classes: z.array(z.string()).min(1),
} as const;

/** Makes a tagger of the files' bytes. */
export function readTagger(files: TaggerFiles): PartOfSpeechTagger | Invalid {
  const [weights, tagdict, classes] = [
    readFile(files.weights, schemas.weights),
    readFile(files.tagdict, schemas.tagdict),
    readFile(files.classes, schemas.classes),
  ];
  if (weights === null || tagdict === null || classes === null)
    return invalid("wrong-tagger", "The tagger's files are not weights, single tags and classes in JSON.");
  const model: Model = {
    weights: new Map(Object.entries(weights).map(([feature, row]) => [feature, Object.entries(row)])),
    single: new Map(Object.entries(tagdict)),
    // Of equal classes the last in Python's order of texts is taken.
    classes: classes.toSorted(byCodePoint),
  };
  return (words) => tagWords(words, model);
}

interface Model {
  readonly weights: ReadonlyMap<string, readonly (readonly [tag: string, weight: number])[]>;
  readonly single: ReadonlyMap<string, string>;
  readonly classes: readonly string[];
}

const valuesMax = 5_000_000;

function readFile<T>(bytes: Uint8Array, schema: z.ZodType<T>): T | null {
  const json = parseJsonBytes(bytes, { depthMax: 3, valuesMax });
  if (json.kind === "error") return null;
  const checked = schema.safeParse(json.value as JsonObject);
  return checked.success ? checked.data : null;
}

function tagWords(words: readonly string[], model: Model): string[] {
  const context = ["-START-", "-START2-", ...words.map(normalize), "-END-", "-END2-"];
  const tags: string[] = [];
  for (const [place, word] of words.entries()) {
    const before = tags.at(-1) ?? "-START-";
    const beforeThat = tags.length > 1 ? tags.at(-2)! : tags.length === 1 ? "-START-" : "-START2-";
    tags.push(model.single.get(word) ?? bestClass(featuresOf(word, context, place + 2, before, beforeThat), model));
  }
  return tags;
}

/** What the neighbours see of a word. */
function normalize(word: string): string {
  if (word.includes("-") && !word.startsWith("-")) return "!HYPHEN";
  if (/^\p{Nd}{4}$/u.test(word)) return "!YEAR";
  if (/^\p{Nd}/u.test(word)) return "!DIGITS";
  return word.toLowerCase();
}

function featuresOf(
  word: string,
  context: readonly string[],
  at: number,
  before: string,
  beforeThat: string,
): string[] {
  const around = (offset: number) => context[at + offset]!;
  return [
    "bias",
    `i suffix ${suffix(word)}`,
    `i pref1 ${[...word][0] ?? ""}`,
    `i-1 tag ${before}`,
    `i-2 tag ${beforeThat}`,
    `i tag+i-2 tag ${before} ${beforeThat}`,
    `i word ${around(0)}`,
    `i-1 tag+i word ${before} ${around(0)}`,
    `i-1 word ${around(-1)}`,
    `i-1 suffix ${suffix(around(-1))}`,
    `i-2 word ${around(-2)}`,
    `i+1 word ${around(1)}`,
    `i+1 suffix ${suffix(around(1))}`,
    `i+2 word ${around(2)}`,
  ];
}

function suffix(word: string): string {
  return [...word].slice(-3).join("");
}

/** Sums in the order of the features, as the original does, so that near ties fall alike. */
function bestClass(features: readonly string[], { weights, classes }: Model): string {
  const scores = new Map<string, number>();
  for (const feature of features)
    for (const [tag, weight] of weights.get(feature) ?? []) scores.set(tag, (scores.get(tag) ?? 0) + weight);
  let best = classes[0]!;
  for (const tag of classes) if ((scores.get(tag) ?? 0) >= (scores.get(best) ?? 0)) best = tag;
  return best;
}
