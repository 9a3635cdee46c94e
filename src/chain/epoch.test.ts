import { expect, test } from "bun:test";
import fc from "fast-check";
import { type EpochState, epochOfNextBlock, epochOfState, epochStart, nextEpochBlock } from "./epoch.ts";

const stateful = {
  rule: "stateful",
  netuid: 1,
  epochIndex: 7,
  pendingEpochAt: 0,
  blocksSinceLastStep: 0,
} as const;

test("an epoch fires a tempo after the last, or where one is pending", () => {
  expect(nextEpochBlock({ ...stateful, block: 10, lastEpochBlock: 10, tempo: 50 })).toBe(60);
  expect(nextEpochBlock({ ...stateful, block: 91, lastEpochBlock: 80, tempo: 20, pendingEpochAt: 95 })).toBe(95);
  // What is overdue fires in the next block.
  expect(nextEpochBlock({ ...stateful, block: 200, lastEpochBlock: 80, tempo: 20 })).toBe(201);
  expect(
    nextEpochBlock({ ...stateful, block: 90_000, lastEpochBlock: 90_000, tempo: 65_000, blocksSinceLastStep: 50_400 }),
  ).toBe(90_001);
});

test("a commit in the block that begins an epoch belongs to it", () => {
  const state: EpochState = { ...stateful, block: 58, lastEpochBlock: 10, tempo: 50 };
  expect(epochOfNextBlock(state)).toBe(7);
  expect(epochOfNextBlock({ ...state, block: 59 })).toBe(8);
  expect(epochStart(state, 8)).toBe(60);
  expect(epochStart(state, 9)).toBe(110);
});

test("by the older rule an epoch is (block + netuid + 1) / (tempo + 1)", () => {
  const state: EpochState = { rule: "arithmetic", netuid: 37, block: 1000, tempo: 99 };
  expect(epochOfState(state)).toBe(10);
  expect(nextEpochBlock(state)).toBe(11 * 100 - 38);
});

test("by the older rule, too, the next epoch's first block is the first that belongs to it", () => {
  fc.assert(
    fc.property(fc.nat(4095), fc.nat(1_000_000), fc.integer({ min: 1, max: 65_535 }), (netuid, block, tempo) => {
      const state: EpochState = { rule: "arithmetic", netuid, block, tempo };
      const next = nextEpochBlock(state);
      expect(next).toBeGreaterThan(block);
      expect(epochOfState({ ...state, block: next })).toBe(epochOfState(state) + 1);
      expect(epochOfState({ ...state, block: next - 1 })).toBe(epochOfState(state));
    }),
  );
});
