import { expect, test } from "bun:test";
import fc from "fast-check";
import { choosePieces, feedPieces, pieceSizes, tokensMin } from "./pieces.ts";

const sizes = fc.record({ batch: fc.integer({ min: 1, max: 64 }), tokens: fc.integer({ min: 1, max: 4096 }) });
const vocabularies = fc.integer({ min: 2, max: 300_000 });

test("the pieces of a run are all of it once, in order, and a block's keys reach to its last query", () => {
  fc.assert(
    fc.property(sizes, vocabularies, fc.integer({ min: 1, max: 5000 }), (size, vocabulary, length) => {
      const pieces = choosePieces(size, vocabulary);
      const tokens = Math.max(length, tokensMin(pieces));
      const rows = size.batch * tokens;
      const feeds = feedPieces(pieces, rows, tokens);
      const namesOf = (prefix: string, count: number) =>
        Array.from({ length: count }, (_, index) => [...(feeds[`${prefix}.${index}`]!.data as BigInt64Array)]);
      expect(namesOf("chunk", pieces.chunks).flat()).toEqual(Array.from({ length: rows }, (_, row) => BigInt(row)));
      const blocks = namesOf("queries", pieces.blocks);
      expect(blocks.flat()).toEqual(Array.from({ length: tokens }, (_, token) => BigInt(token)));
      for (const [block, keys] of namesOf("keys", pieces.blocks).entries()) {
        expect(blocks[block]!.length).toBeGreaterThan(0);
        expect(keys).toEqual(blocks.slice(0, block + 1).flat());
      }
      expect(Object.values(pieceSizes(pieces, tokens))).toEqual(
        blocks.flatMap((queries, block) => [queries.length, blocks.slice(0, block + 1).flat().length]),
      );
    }),
    { numRuns: 30 },
  );
});

test("a chunk's logits stay near 128 MiB, but for vocabularies of which 256 rows are more", () => {
  fc.assert(
    fc.property(sizes, vocabularies, (size, vocabulary) => {
      const { chunks } = choosePieces(size, vocabulary);
      const rows = Math.ceil((size.batch * size.tokens) / chunks);
      if (chunks < 64) expect(rows * vocabulary * 4).toBeLessThanOrEqual(Math.max(2 ** 27, 256 * vocabulary * 4));
    }),
  );
});
