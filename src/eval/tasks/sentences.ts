/**
 * Splits a text into sentences as NLTK's Punkt does without training (Kiss and Strunk, 2006): it knows no abbreviations,
 * so what remains are the rules for punctuation, quotation marks, initials and numbers.
 */
import { isLower, isUpper, spaceClass, splitWords, strip } from "../../base/python-text.ts";

const space = `[${spaceClass}]`;
const text = `[^${spaceClass}]`;
/** Characters that end a word and may stand right after the end of a sentence. */
const closing = `[)";}\\]*:@'({\\[!?]`;
const repeated = `(?:-{2,}|\\.{2,}|(?:\\.${space}){2,}\\.)`;
const wordStart = '[^("`{\\[:;&#*@)}\\]\\-,]';
const wordPattern = new RegExp(
  `${repeated}|(?=${wordStart})${text}+?(?=${space}|$|${closing}|${repeated}|,(?=$|${space}|${closing}|${repeated}))|${text}`,
  "gu",
);
/** What may end a sentence: a full stop, question or exclamation mark, with what follows it. */
const endPattern = new RegExp(`[.?!](?=(?<after>${closing}|(?<gap>${space}+)(?<next>${text}+)))`, "gu");
/** Closing quotes and brackets after an end belong to the sentence before them. */
const trailingPattern = new RegExp(`^["')\\]}]+?(?:${space}+|(?=--)|(?=\\n)|$)`, "u");

/** The sentences of a text, without the white space between them. */
export function splitSentences(plain: string): string[] {
  const sentences: string[] = [];
  let taken = 0;
  const slices = cut(plain);
  for (const [index, [from, to]] of slices.entries()) {
    const start = from + taken;
    taken = 0;
    const next = slices[index + 1];
    const trailing = next === undefined ? null : trailingPattern.exec(plain.slice(...next));
    if (next === undefined || trailing === null) {
      if (to > start) sentences.push(plain.slice(start, to));
      continue;
    }
    sentences.push(plain.slice(start, next[0] + stripEnd(trailing[0]).length));
    taken = trailing[0].length;
  }
  return sentences;
}

type Slice = readonly [from: number, to: number];

/** Cuts at every end of a sentence. The last slice ends before the white space at the text's end. */
function cut(plain: string): Slice[] {
  const slices: Slice[] = [];
  let from = 0;
  for (const { end, nextStart, context } of candidates(plain)) {
    if (!hasBreak(context)) continue;
    slices.push([from, end]);
    from = nextStart;
  }
  slices.push([from, stripEnd(plain).length]);
  return slices;
}

interface Candidate {
  /** After the punctuation mark. */
  readonly end: number;
  readonly nextStart: number;
  /** The word before, the mark, and what follows. */
  readonly context: string;
}

/** The possible ends; of several marks within one word only the last. */
function candidates(plain: string): Candidate[] {
  const found: Candidate[] = [];
  let previous: (Candidate & { readonly wordFrom: number; readonly wordTo: number }) | undefined;
  for (const match of plain.matchAll(endPattern)) {
    const searchedFrom = previous?.wordTo ?? 0;
    const lastSpace = /[ \t\n\r\v\f][^ \t\n\r\v\f]*$/.exec(plain.slice(searchedFrom, match.index))?.index ?? 0;
    const wordFrom = lastSpace > 0 ? searchedFrom + lastSpace + 1 : (previous?.wordFrom ?? 0);
    if (previous !== undefined && previous.wordTo <= wordFrom) found.push(previous);
    const { after, gap } = match.groups as { after: string; gap?: string };
    const end = match.index + 1;
    const context = plain.slice(wordFrom, end) + after;
    previous = { end, nextStart: end + (gap?.length ?? 0), context, wordFrom, wordTo: match.index };
  }
  if (previous !== undefined) found.push(previous);
  return found;
}

/** Whether a sentence ends within the context, before its last token. */
function hasBreak(context: string): boolean {
  const tokens = context
    .split("\n")
    .filter((line) => strip(line) !== "")
    .flatMap((line) => line.match(wordPattern) ?? []);
  return tokens.some((token, index) => index + 1 < tokens.length && isBreak(token, tokens[index + 1]!));
}

function isBreak(token: string, next: string): boolean {
  if (token === "." || token === "?" || token === "!") return !(token === "." && isExcepted(token, next));
  if (!token.endsWith(".") || token.endsWith("..")) return false;
  return !isExcepted(token, next);
}

/** Initials and numbers before something that cannot begin a sentence; initials before a capital letter too. */
function isExcepted(token: string, next: string): boolean {
  const isInitial = /^[\p{L}\p{Nl}\p{No}_]\.$/u.test(token);
  const isNumber = /^-?[.,]?\p{Nd}[\p{Nd},.-]*\.?$/u.test(token);
  if (!isInitial && !isNumber) return false;
  const [first = ""] = next;
  const cannotBegin = [";", ":", ",", ".", "!", "?"].includes(next) || isLower(first);
  return cannotBegin || (isInitial && isUpper(first));
}

function stripEnd(plain: string): string {
  const words = splitWords(plain);
  if (words.length === 0) return "";
  const last = words.at(-1)!;
  return plain.slice(0, plain.lastIndexOf(last) + last.length);
}
