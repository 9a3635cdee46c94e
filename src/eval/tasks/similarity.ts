/**
 * How alike two texts are, as Python's difflib tells it (Ratcliff and Obershelp's gestalt matching): twice the characters
 * in common blocks over all characters, 0 … 1. The order of the texts matters.
 */

/** Blanks never begin a common block, they only extend one. */
const junk = new Set([" ", "\t"]);
/** From this length on, characters that make up over 1 % of the second text begin no block either. */
const popularLengthMin = 200;

/** The similarity of two texts, by code points; 1 for two empty ones. */
export function similarity(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  const total = left.length + right.length;
  if (total === 0) return 1;
  const anchors = anchorsOf(right);
  let common = 0;
  const open = [{ leftFrom: 0, leftTo: left.length, rightFrom: 0, rightTo: right.length }];
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const block = longestBlock(left, right, anchors, range);
    if (block.length === 0) continue;
    common += block.length;
    const { leftFrom, leftTo, rightFrom, rightTo } = range;
    open.push({ leftFrom, leftTo: block.left, rightFrom, rightTo: block.right });
    open.push({ leftFrom: block.left + block.length, leftTo, rightFrom: block.right + block.length, rightTo });
  }
  return (2 * common) / total;
}

interface Range {
  readonly leftFrom: number;
  readonly leftTo: number;
  readonly rightFrom: number;
  readonly rightTo: number;
}

interface Block {
  readonly left: number;
  readonly right: number;
  readonly length: number;
}

/** Where each character that may begin a block stands in the second text. */
function anchorsOf(text: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [place, character] of text.entries()) {
    if (junk.has(character)) continue;
    const known = places.get(character);
    if (known === undefined) places.set(character, [place]);
    else known.push(place);
  }
  if (text.length < popularLengthMin) return places;
  const popular = Math.floor(text.length / 100) + 1;
  return new Map([...places].filter(([, list]) => list.length <= popular));
}

/** The longest block within the ranges; of several the earliest in the first text, then in the second. */
function longestBlock(
  left: readonly string[],
  right: readonly string[],
  anchors: ReadonlyMap<string, readonly number[]>,
  range: Range,
): Block {
  let best: Block = { left: range.leftFrom, right: range.rightFrom, length: 0 };
  // By place in the second text, the length of the block that ends there and at the previous character of the first.
  let ending = new Map<number, number>();
  for (let i = range.leftFrom; i < range.leftTo; i++) {
    const next = new Map<number, number>();
    for (const j of anchors.get(left[i]!) ?? []) {
      if (j < range.rightFrom) continue;
      if (j >= range.rightTo) break;
      const length = (ending.get(j - 1) ?? 0) + 1;
      next.set(j, length);
      if (length > best.length) best = { left: i - length + 1, right: j - length + 1, length };
    }
    ending = next;
  }
  // First with characters that are no junk (popular ones, that is), then with junk.
  const withPopular = extend(left, right, range, best, (character) => !junk.has(character));
  return extend(left, right, range, withPopular, (character) => junk.has(character));
}

function extend(
  left: readonly string[],
  right: readonly string[],
  { leftFrom, leftTo, rightFrom, rightTo }: Range,
  block: Block,
  mayJoin: (character: string) => boolean,
): Block {
  let { left: i, right: j, length } = block;
  while (i > leftFrom && j > rightFrom && left[i - 1] === right[j - 1] && mayJoin(right[j - 1]!)) {
    i -= 1;
    j -= 1;
    length += 1;
  }
  while (
    i + length < leftTo &&
    j + length < rightTo &&
    left[i + length] === right[j + length] &&
    mayJoin(right[j + length]!)
  )
    length += 1;
  return { left: i, right: j, length };
}
