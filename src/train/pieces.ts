/**
 * What a run computes one piece after the other, because the whole would be too large or for nothing: the rows of the
 * head, whose tensors are [rows, vocabulary], and the queries of attention, of which the early ones need no later keys.
 * A graph has a fixed number of pieces; inputs say where each lies, so that runs of any length fit it.
 */
import type { Tensor } from "../eval/session.ts";
import type { QueryBlock } from "../graph/decompose.ts";
import { input } from "../graph/expression.ts";
import type { Node } from "../graph/node.ts";

/** The longest run of a training: so many sequences of so many tokens. */
export interface RunSize {
  readonly batch: number;
  readonly tokens: number;
}

export interface Pieces {
  /** Of the rows of the head. */
  readonly chunks: number;
  /** Of the queries of a sequence. */
  readonly blocks: number;
}

/** Nothing is cut. */
export const whole: Pieces = { chunks: 1, blocks: 1 };

/** Logits of a chunk: several tensors of the size exist at a time. */
const chunkBytes = 128 * 2 ** 20;
/** A product of fewer rows spends its time on reading the other matrix. */
const chunkRowsMin = 256;
/** Every chunk is the head's nodes once more. */
const chunksMax = 64;
/** A block of fewer queries gains nothing; and of many blocks each more gains less, 1 / (2 · blocks²) of the scores. */
const blockTokensMin = 64;
const blocksMax = 4;

export function choosePieces({ batch, tokens }: RunSize, vocabulary: number): Pieces {
  const chunkRows = Math.max(chunkRowsMin, Math.floor(chunkBytes / (4 * vocabulary)));
  const chunks = Math.min(chunksMax, Math.ceil((batch * tokens) / chunkRows));
  const blocks = Math.min(blocksMax, Math.floor(tokens / blockTokensMin));
  return { chunks: Math.max(1, chunks), blocks: Math.max(1, blocks) };
}

/** `chunk.N` i64 [rows of chunk N]: together they name every row of the head once. */
export function headChunks({ chunks }: Pieces): readonly Node[] {
  return Array.from({ length: chunks }, (_, index) => input(`chunk.${index}`, "i64", [`rows of chunk ${index}`]));
}

/** `queries.N` and `keys.N`, i64: where a block's queries stand in a sequence, and all keys up to its last query. */
export function queryBlocks({ blocks }: Pieces): readonly QueryBlock[] {
  if (blocks === 1) return [];
  return Array.from({ length: blocks }, (_, index) => ({
    queries: input(`queries.${index}`, "i64", [queriesOf(index)]),
    keys: input(`keys.${index}`, "i64", [keysOf(index)]),
  }));
}

const queriesOf = (block: number) => `queries of block ${block}`;
const keysOf = (block: number) => `keys up to block ${block}`;

/** A sequence must have a token for every block, if only padding. */
export function tokensMin({ blocks }: Pieces): number {
  return blocks;
}

/** What a run of so many rows of the head and tokens a sequence is fed for its pieces. */
export function feedPieces({ chunks, blocks }: Pieces, rows: number, tokens: number): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [index, { start, end }] of parts(rows, chunks).entries()) feeds[`chunk.${index}`] = range(start, end);
  for (const [index, { start, end }] of parts(tokens, blocks).entries()) {
    feeds[`queries.${index}`] = range(start, end);
    feeds[`keys.${index}`] = range(0, end);
  }
  return feeds;
}

/** How long the axes are in such a run that pieces bring into a graph. */
export function pieceSizes({ blocks }: Pieces, tokens: number): Record<string, number> {
  return Object.fromEntries(
    parts(tokens, blocks).flatMap(({ start, end }, block) => [
      [queriesOf(block), end - start],
      [keysOf(block), end],
    ]),
  );
}

interface Part {
  readonly start: number;
  readonly end: number;
}

/** As long each, to one. */
function parts(length: number, count: number): readonly Part[] {
  const bound = (index: number) => Math.floor((length * index) / count);
  return Array.from({ length: count }, (_, index) => ({ start: bound(index), end: bound(index + 1) }));
}

function range(start: number, end: number): Tensor {
  const data = BigInt64Array.from({ length: end - start }, (_, index) => BigInt(start + index));
  return { dtype: "i64", shape: [data.length], data };
}
