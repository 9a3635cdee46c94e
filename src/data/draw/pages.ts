/**
 * Which rows of a large dataset a round reads: pages of consecutive rows, drawn from the round's seed. The draw depends on
 * the dataset's sizes alone: a page that cannot be read is dropped, never replaced, or validators would diverge.
 */
import { type Invalid, invalid } from "../../base/invalid.ts";
import type { Random } from "../../base/random.ts";

/** A split of a dataset's configuration, as the datasets server counts it. */
export interface DatasetSplit {
  readonly config: string;
  readonly split: string;
  readonly rows: number;
}

export interface Page {
  readonly config: string;
  readonly split: string;
  /** The first row. */
  readonly offset: number;
  readonly rows: number;
}

/** What is drawn from: `default` repeats the others' rows, so it counts only where it is alone. */
export function drawableSplits(splits: readonly DatasetSplit[]): readonly DatasetSplit[] {
  return splits.length === 1 ? splits : splits.filter(({ config }) => config !== "default");
}

/** After this many pages drawn twice a dataset is taken to have no further ones. */
const duplicatesMax = 100;

/** Draws `count` different pages; fewer where the dataset has no more. */
export function drawPages(
  random: Random,
  splits: readonly DatasetSplit[],
  { count, rowsPerPage }: { readonly count: number; readonly rowsPerPage: number },
): readonly Page[] | Invalid {
  const fault = checkSplits(splits, rowsPerPage);
  if (fault !== null) return fault;
  const pages = new Map<string, Page>();
  let duplicates = 0;
  for (const page of pageDraws(random, splits, rowsPerPage)) {
    if (pages.has(nameOf(page))) duplicates += 1;
    else pages.set(nameOf(page), page);
    if (pages.size === count || duplicates === duplicatesMax) break;
  }
  return [...pages.values()];
}

/**
 * The draws without end, repeated pages included. All pages of a round begin at the same offset into their configuration,
 * drawn first, so that pages never overlap.
 */
export function* pageDraws(
  random: Random,
  splits: readonly DatasetSplit[],
  rowsPerPage: number,
): Generator<Page, never, void> {
  const drawable = drawableSplits(splits);
  const start = random.integer(0, rowsPerPage - 1);
  for (;;) {
    const { config, split, rows } = random.choice(drawable);
    const pages = Math.floor((rows - start + 1) / rowsPerPage);
    yield { config, split, offset: start + random.integer(0, pages - 1) * rowsPerPage, rows: rowsPerPage };
  }
}

/** `config_offset_split`, as the subnet names a page. */
export function nameOf({ config, offset, split }: Page): string {
  return `${config}_${offset}_${split}`;
}

/** Every configuration must have a page whatever the offset, or a draw from it would be impossible. */
export function checkSplits(splits: readonly DatasetSplit[], rowsPerPage: number): Invalid | null {
  const drawable = drawableSplits(splits);
  if (drawable.length === 0) return invalid("no-rows", "The dataset has no configuration to draw from.");
  const short = drawable.find(({ rows }) => rows < 2 * rowsPerPage - 2);
  if (short === undefined) return null;
  return invalid("too-few-rows", `${short.config} has ${short.rows} rows, too few for pages of ${rowsPerPage}.`);
}
