/**
 * Text as Python sees it. The subnet's tasks are defined by a Python program, so what is a word, a line or a capital letter
 * follows Python's rules where JavaScript's differ (white space, line ends, code points).
 */

/** The characters that Python's `str.isspace` and `\s` know, for use in a character class. */
export const spaceClass =
  "\\t-\\r\\u001c-\\u001f \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const spaces = new RegExp(`[${spaceClass}]+`, "u");
const leadingSpaces = new RegExp(`^[${spaceClass}]+`, "u");
const surroundingSpaces = new RegExp(`^[${spaceClass}]+|[${spaceClass}]+$`, "gu");
const lineEnds = /\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/u;

/** `text.split()` */
export function splitWords(text: string): string[] {
  return text.split(spaces).filter((word) => word !== "");
}

/** `text.splitlines()` */
export function splitLines(text: string): string[] {
  const lines = text.split(lineEnds);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** `text.strip()` */
export function strip(text: string): string {
  return text.replace(surroundingSpaces, "");
}

/** `text.lstrip()` */
export function stripStart(text: string): string {
  return text.replace(leadingSpaces, "");
}

/** `text.isupper()`: some letter has case, and none is small. */
export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/\p{Lowercase}|\p{Lt}/u.test(text);
}

/** `text.islower()` */
export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/\p{Uppercase}|\p{Lt}/u.test(text);
}

/** Without the punctuation of ASCII. */
export function removePunctuation(text: string): string {
  return text.replace(/[!-/:-@[-`{-~]/g, "");
}

/** How many code points a text has: `len(text)`. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Python's order of texts, by code points. */
export function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let place = 0; place < Math.min(left.length, right.length); place++) {
    const difference = left[place]!.codePointAt(0)! - right[place]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
