/** Questions with a written-out reasoning and its result, from two published sets. */

import type { Invalid } from "../../base/invalid.ts";
import { isInvalid } from "../../base/invalid.ts";
import { lengthOf, strip } from "../../base/python-text.ts";
import type { Random } from "../../base/random.ts";
import { type DatasetSplit, drawPages, type Page } from "./pages.ts";

export interface ReasoningRow {
  readonly taskType: string | null;
  /** The contents of the messages: the question, then the reasoning. */
  readonly messages: readonly string[];
}

export interface ReasoningSample {
  readonly question: string;
  /** The reasoning with the result at its end: what a model is measured on. */
  readonly reference: string;
}

/** What a model is told before the question. */
export const reasoningInstruction =
  "You are a reflective AI capable of using extended chains of thought to consider the problem thoroughly and deliberate through systematic reasoning to arrive at a correct solution before answering. Enclose your internal monologue in <think> ... </think> tags, then provide your final answer in the format that the user requests.";

/** `published` reproduces what the original does by accident, for comparison; see each use. */
export type Faithfulness = "repaired" | "published";

/** Reads a page's rows; null when that is not possible. */
export type ReadPage = (page: Page) => Promise<readonly ReasoningRow[] | null>;

export interface DrawnReasoning {
  readonly samples: readonly ReasoningSample[];
  readonly pages: readonly Page[];
  /** Pages that could not be read. */
  readonly dropped: readonly Page[];
}

/** At most so many further draws, of 1, 2, 4 … 16 pages, while there are too few samples. */
const furtherDrawsMax = 10;
const furtherPagesMax = 16;

/** SYNTHETIC-1: rows of the two kinds whose result can be found in the text, until there are `samplesMax`. */
export async function drawSynthetic1(
  random: Random,
  splits: readonly DatasetSplit[],
  options: {
    readonly pages: number;
    readonly rowsPerPage: number;
    /** Null: all of the first pages, and no further ones. */
    readonly samplesMax: number | null;
    readonly read: ReadPage;
    readonly faithfulness: Faithfulness;
  },
): Promise<DrawnReasoning | Invalid> {
  const { rowsPerPage, read, faithfulness } = options;
  const samplesMax = options.samplesMax ?? Number.POSITIVE_INFINITY;
  const drawn = { samples: [] as ReasoningSample[], pages: [] as Page[], dropped: [] as Page[] };
  const seen = new Set<string>();
  let count = options.pages;
  for (let draw = 0; draw <= furtherDrawsMax && drawn.samples.length < samplesMax; draw++) {
    if (draw > 0 && options.samplesMax === null) break;
    const pages = drawPages(random, splits, { count, rowsPerPage });
    if (isInvalid(pages)) return pages;
    count = Math.min(2 ** draw, furtherPagesMax);
    for (const page of pages) {
      const rows = await read(page);
      drawn[rows === null ? "dropped" : "pages"].push(page);
      for (const [index, row] of (rows ?? []).entries()) {
        // Each draw starts anew, so pages overlap those of earlier ones; the original takes their rows again.
        const name = `${page.config} ${page.split} ${page.offset + index}`;
        if (seen.has(name) && faithfulness === "repaired") continue;
        seen.add(name);
        const sample = readReasoning(row, faithfulness);
        if (sample !== null && drawn.samples.length < samplesMax) drawn.samples.push(sample);
      }
    }
  }
  return drawn;
}

/** CODEFORCES-COTS: the rows of one draw that have two messages and fit the window by the estimate. */
export async function drawCodeforces(
  random: Random,
  splits: readonly DatasetSplit[],
  options: {
    readonly pages: number;
    readonly rowsPerPage: number;
    readonly sequenceLengthMax: number;
    readonly read: ReadPage;
  },
): Promise<DrawnReasoning | Invalid> {
  const pages = drawPages(random, splits, { count: options.pages, rowsPerPage: options.rowsPerPage });
  if (isInvalid(pages)) return pages;
  const drawn = { samples: [] as ReasoningSample[], pages: [] as Page[], dropped: [] as Page[] };
  for (const page of pages) {
    const rows = await options.read(page);
    drawn[rows === null ? "dropped" : "pages"].push(page);
    for (const { messages } of rows ?? []) {
      const [question, trace] = messages;
      if (messages.length !== 2 || question === undefined || trace === undefined) continue;
      if (fitsWindow([question, trace], options.sequenceLengthMax))
        drawn.samples.push({ question, reference: strip(trace) });
    }
  }
  return drawn;
}

/** The subnet's estimate of what fits: four characters a token, each part rounded down, and ten more tokens. */
export function fitsWindow(texts: readonly string[], sequenceLengthMax: number): boolean {
  return texts.reduce((tokens, text) => tokens + Math.floor(lengthOf(text) / 4), 10) <= sequenceLengthMax;
}

/** The sample of a row; null for a row of another kind or without its two messages. */
export function readReasoning(
  { taskType, messages }: ReasoningRow,
  faithfulness: Faithfulness,
): ReasoningSample | null {
  const [question, text] = messages;
  if (question === undefined || text === undefined) return null;
  if (taskType === "verifiable_math") {
    const { trace, answer } = splitMath(text);
    // A text without a result keeps what it has; the original appends an empty result to it.
    if (answer === "" && faithfulness === "repaired") return { question, reference: strip(text) };
    return { question, reference: `${strip(trace)} \\boxed{${answer}}` };
  }
  if (taskType === "code_output_prediction") {
    const { trace, answer } = splitCode(text, faithfulness);
    if (answer === "" && faithfulness === "repaired") return { question, reference: strip(text) };
    return { question, reference: `${strip(trace)} {"output": "${answer}"}` };
  }
  return null;
}

/** The last `\boxed{…}` (up to its first closing brace), and what is before it. */
export function splitMath(text: string): { readonly trace: string; readonly answer: string } {
  const answer = lastMatch(text, /\\boxed\{([^\n]*?)\}/g);
  if (answer === "") return { trace: text, answer };
  return { trace: strip(text.slice(0, text.lastIndexOf(`\\boxed{${answer}}`))), answer };
}

/** The last `{"output": "…"}`, and the text without it; the original takes out the first one of the same result. */
export function splitCode(
  text: string,
  faithfulness: Faithfulness,
): { readonly trace: string; readonly answer: string } {
  const answer = lastMatch(text, /\{"output": "([^\n]*?)"\}/g);
  if (answer === "") return { trace: text, answer };
  const whole = `{"output": "${answer}"}`;
  const at = faithfulness === "published" ? text.indexOf(whole) : text.lastIndexOf(whole);
  return { trace: text.slice(0, at) + text.slice(at + whole.length), answer };
}

function lastMatch(text: string, pattern: RegExp): string {
  let found = "";
  for (const match of text.matchAll(pattern)) found = match[1]!;
  return found;
}
