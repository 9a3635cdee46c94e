import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { builtInCompetitions } from "./built-in.ts";
import { competitionDue, competitionsAt, nextSyncBlock, roundSeed, seedOfRound, syncBlockAt } from "./schedule.ts";

const latest = builtInCompetitions("sn37-latest");

describe("the schedule", () => {
  test("sync blocks are the cadence apart, and every block has one at or before it", () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 32 - 1),
        fc.nat(1e7),
        fc.integer({ min: 1, max: 1e5 }),
        (block, genesisBlock, cadenceBlocks) => {
          const cadence = { genesisBlock, cadenceBlocks };
          const before = syncBlockAt(block, cadence);
          expect(before).toBeLessThanOrEqual(block);
          expect(nextSyncBlock(block, cadence)).toBeGreaterThan(block);
          expect(nextSyncBlock(block, cadence) - before).toBe(cadenceBlocks);
          expect(syncBlockAt(before, cadence)).toBe(before);
        },
      ),
    );
  });

  test("competitions that run together take turns, at whatever block a validator starts", () => {
    const first = syncBlockAt(4_000_000, latest.sync);
    const turns = [0, 1, 2, 3].map((turn) => competitionDue(latest, first + turn * latest.sync.cadenceBlocks)?.id);
    expect(new Set(turns)).toEqual(new Set([2, 3]));
    expect(turns.slice(0, 2)).toEqual(turns.slice(2));
    expect(competitionDue(latest, 5_200_000)?.id).toBe(4);
  });

  test("a period ends where the file says, or where the next begins", () => {
    const [period] = latest.schedule;
    const file = { ...latest, schedule: [{ ...period!, fromBlock: 10, untilBlock: 20 }] };
    expect([9, 10, 19, 20].map((block) => competitionsAt(file, block).length)).toEqual([0, 2, 2, 0]);
    expect(competitionDue(file, 20)).toBeUndefined();
  });

  test("the seed is the published one", () => {
    expect(roundSeed(`0x${"ab".repeat(32)}`)).toBe(
      47137133047987366843627913065961486372647734429622217293125865327054350386694n,
    );
  });

  test("a repeatable seed gives the same questions on another chain, and others in every round", () => {
    const sync = { genesisBlock: 100, cadenceBlocks: 20, repeatableSeed: "7" };
    const seeds = [100, 120, 140].map((block) => seedOfRound(sync, block, `0x${"00".repeat(32)}`));
    const shifted = { ...sync, genesisBlock: 500 };
    expect([500, 520, 540].map((block) => seedOfRound(shifted, block, `0x${"11".repeat(32)}`))).toEqual(seeds);
    expect(new Set(seeds).size).toBe(3);
    const hash = `0x${"ab".repeat(32)}`;
    expect(seedOfRound({ genesisBlock: 0, cadenceBlocks: 20 }, 20, hash)).toBe(roundSeed(hash));
  });
});
