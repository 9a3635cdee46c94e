/** Multiple-choice questions of the prompting subnet: which are drawn, and how a question is taken apart. */
import { spaceClass } from "../../base/python-text.ts";
import type { Random } from "../../base/random.ts";

/** A row of the published sets. */
export interface MmluRow {
  readonly id: string;
  readonly challenge: string;
  /** The right letter. */
  readonly reference: string;
  /** The validator that made the question. */
  readonly hotkey: string;
}

export const choices = ["A", "B", "C", "D"] as const;
export type Choice = (typeof choices)[number];

export function isChoice(text: string): text is Choice {
  return (choices as readonly string[]).includes(text);
}

/** Which configurations of the dataset are read: `count` drawn ones, or all in their order when there are no more. */
export function drawConfigs(random: Random, configs: readonly string[], count: number): readonly string[] {
  return configs.length <= count ? configs : random.sample(configs, count);
}

/**
 * The questions of a round: rows with a letter as the answer, of the given validators, shuffled; the first `samplesMax`.
 * @param random the generator that drew the configurations
 * @param hotkeys whose questions count; empty: everybody's
 */
export function drawQuestions(
  random: Random,
  rows: readonly MmluRow[],
  { hotkeys, samplesMax }: { readonly hotkeys: ReadonlySet<string>; readonly samplesMax: number },
): MmluRow[] {
  const usable = rows.filter(
    ({ reference, hotkey }) => isChoice(reference) && (hotkeys.size === 0 || hotkeys.has(hotkey)),
  );
  random.shuffle(usable);
  return usable.slice(0, samplesMax);
}

export interface QuestionAndAnswer {
  readonly question: string;
  /** The text of the right choice. */
  readonly answer: string;
}

/**
 * Takes a challenge apart: a line with the question, then `A. …`, `B. …`, `C. …`, `D. …`, on the same line or each on the
 * next. The original does this with a regular expression of greedy wildcards, whose time a hostile text can make
 * exponential; this finds the same match in one walk: of several possible places each choice begins at the last.
 * @returns null where the text has no such form
 */
export function parseQuestion(text: string, letter: string): QuestionAndAnswer | null {
  if (!isChoice(letter)) return null;
  const lines = new LineIndex(text);
  const marks = findMarks(lines);
  for (let line = 0; line < lines.starts.length; line++) {
    const parts = [lines.starts[line]!];
    const ends: number[] = [];
    for (const choice of choices) {
      const next = marks[choice].following(parts.at(-1)!, lines);
      if (next === undefined) break;
      ends.push(next.partEnd);
      parts.push(next.mark + 3);
    }
    if (ends.length < choices.length) continue;
    const place = 1 + choices.indexOf(letter);
    ends.push(lines.endOf(parts[choices.length]!));
    return { question: text.slice(parts[0]!, ends[0]!), answer: text.slice(parts[place]!, ends[place]!) };
  }
  return null;
}

/** The places where one choice may begin, so that all later choices can still follow. */
class Marks {
  /** By line: the last mark, and the mark that begins the line. */
  readonly #last = new Map<number, number>();
  readonly #first = new Map<number, number>();

  add(mark: number, lines: LineIndex): void {
    const line = lines.lineOf(mark);
    this.#last.set(line, Math.max(mark, this.#last.get(line) ?? 0));
    if (lines.isLineBeginning(mark)) this.#first.set(line, mark);
  }

  /** Where this choice begins after a part that begins at `start`, with the longest part before it. */
  following(start: number, lines: LineIndex): { readonly mark: number; readonly partEnd: number } | undefined {
    const lineEnd = lines.endOf(start);
    // White space after the line may hold empty lines; the choice then begins the next line that is not empty.
    const after = lines.nextTextLine(start);
    const onNextLine = after === undefined ? undefined : this.#first.get(after);
    if (onNextLine !== undefined) return { mark: onNextLine, partEnd: lineEnd };
    const mark = this.#last.get(lines.lineOf(start));
    return mark !== undefined && mark > start ? { mark, partEnd: mark - 1 } : undefined;
  }
}

/** From the last choice to the first, the marks from which the choices after it can be reached. */
function findMarks(lines: LineIndex): Readonly<Record<Choice, Marks>> {
  const marks = { A: new Marks(), B: new Marks(), C: new Marks(), D: new Marks() };
  for (const [place, choice] of [...choices.entries()].toReversed()) {
    const next = choices[place + 1];
    for (let at = lines.text.indexOf(`${choice}. `); at >= 0; at = lines.text.indexOf(`${choice}. `, at + 1)) {
      const isSeparated = at > 0 && space.test(lines.text[at - 1]!);
      if (isSeparated && (next === undefined || marks[next].following(at + 3, lines) !== undefined))
        marks[choice].add(at, lines);
    }
  }
  return marks;
}

const space = new RegExp(`[${spaceClass}]`, "u");

/** Where the lines of a text begin and end; only the line feed ends a line. */
class LineIndex {
  readonly starts: readonly number[];
  /** By line, the first place that is not white space; its end when there is none. */
  readonly #textStarts: readonly number[];
  readonly #nextText: readonly (number | undefined)[];

  constructor(readonly text: string) {
    const starts = [0];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.starts = starts;
    this.#textStarts = starts.map((start, line) => {
      let at = start;
      while (at < this.#lineEnd(line) && space.test(text[at]!)) at += 1;
      return at;
    });
    const nextText = new Array<number | undefined>(starts.length);
    for (let line = starts.length - 2; line >= 0; line--)
      nextText[line] = this.#textStarts[line + 1] === this.#lineEnd(line + 1) ? nextText[line + 1] : line + 1;
    this.#nextText = nextText;
  }

  lineOf(place: number): number {
    let [low, high] = [0, this.starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The end of the line that holds a place. */
  endOf(place: number): number {
    return this.#lineEnd(this.lineOf(place));
  }

  /** The first line after the place's that is not blank. */
  nextTextLine(place: number): number | undefined {
    return this.#nextText[this.lineOf(place)];
  }

  /** Whether nothing but white space is before a place in its line. */
  isLineBeginning(place: number): boolean {
    return place <= this.#textStarts[this.lineOf(place)]!;
  }

  #lineEnd(line: number): number {
    return line + 1 < this.starts.length ? this.starts[line + 1]! - 1 : this.text.length;
  }
}
