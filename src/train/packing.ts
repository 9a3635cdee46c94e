/**
 * Which examples share a row. Rows of a run are as long as its longest, so that examples of many lengths would be mostly
 * padding; but every token is also compared with its whole row, so that longer rows than needed cost as well. What is
 * chosen depends on the lengths alone: the same examples are packed alike whenever they come.
 */
import { assert } from "../base/assert.ts";
import { type Example, type Row, tokensOf } from "./batch.ts";

export interface Packing {
  /** No row is longer, but for an example that alone is. */
  readonly rowTokensMax: number;
  /** Numbers in a hidden state: what a token costs beside attention grows with it. */
  readonly width: number;
}

/**
 * Where a row has this many tokens for each number in a hidden state, attention takes as much time as all the rest of a
 * layer. By its operations alone it would be 6; measured on two cores, where attention waits for memory, it is 1 to 1.7.
 */
const balancedTokensPerWidth = 1.5;

/** The cheapest of the packings into 1, 2, … rows. Each is first fit decreasing (Johnson 1973). */
export function packRows(examples: readonly Example[], { rowTokensMax, width }: Packing): Row[] {
  assert(examples.length > 0, "nothing to pack");
  const longest = Math.max(...examples.map(({ ids }) => ids.length));
  const total = tokensOf(examples);
  const capacities = examples
    .map((_, index) => Math.max(longest, Math.ceil(total / (index + 1))))
    .filter((capacity) => capacity <= Math.max(longest, rowTokensMax));
  const balanced = balancedTokensPerWidth * width;
  const costOf = (rows: readonly Row[]) => {
    const tokens = Math.max(...rows.map(tokensOf));
    return rows.length * tokens * (1 + tokens / balanced);
  };
  return [longest, Math.max(longest, rowTokensMax), ...new Set(capacities)]
    .map((capacity) => firstFit(examples, capacity))
    .reduce((best, rows) => (costOf(rows) < costOf(best) ? rows : best));
}

function firstFit(examples: readonly Example[], capacity: number): Example[][] {
  const rows: { examples: Example[]; left: number }[] = [];
  for (const example of examples.toSorted((a, b) => b.ids.length - a.ids.length)) {
    const { length } = example.ids;
    let row = rows.find(({ left }) => left >= length);
    if (row === undefined) {
      row = { examples: [], left: capacity };
      rows.push(row);
    }
    row.examples.push(example);
    row.left -= length;
  }
  return rows.map(({ examples }) => examples);
}
