import { expect, test } from "bun:test";
import { type EpochState, nextEpochBlock } from "./epoch.ts";
import { firstRevealBlock, revealRound } from "./reveal-round.ts";
import { quicknet } from "./timelock.ts";

const stateful = (state: Partial<Extract<EpochState, { rule: "stateful" }>>): EpochState => ({
  rule: "stateful",
  netuid: 1,
  block: 0,
  tempo: 50,
  epochIndex: 4,
  lastEpochBlock: 0,
  pendingEpochAt: 0,
  blocksSinceLastStep: 0,
  ...state,
});

test("the runtime's epoch simulation: by tempo, and by a pending epoch", () => {
  expect(nextEpochBlock(stateful({ lastEpochBlock: 10, tempo: 50, block: 10 }))).toBe(60);
  expect(nextEpochBlock(stateful({ lastEpochBlock: 80, pendingEpochAt: 95, tempo: 20, block: 91 }))).toBe(95);
});

test("a commit is revealed the period's number of epochs after its own", () => {
  const state = stateful({ lastEpochBlock: 10, block: 20 });
  expect(firstRevealBlock(state, 1)).toBe(60);
  expect(firstRevealBlock(state, 3)).toBe(160);
  // The next block fires: the commit belongs to the epoch that begins with it.
  expect(firstRevealBlock(stateful({ lastEpochBlock: 10, block: 59 }), 1)).toBe(110);
});

test("the older rule counts epochs by block number alone", () => {
  const state: EpochState = { rule: "arithmetic", netuid: 1, block: 100, tempo: 360 };
  expect(firstRevealBlock(state, 1)).toBe(361 - 2);
});

test("the round is the one signed three blocks into the reveal epoch", () => {
  const state = stateful({ lastEpochBlock: 10, block: 20 });
  const blockUnixSeconds = quicknet.genesisSeconds + 3000;
  const round = revealRound({ state, revealPeriodEpochs: 1, beacon: quicknet, blockSeconds: 12, blockUnixSeconds });
  expect(round).toBe(BigInt((3000 + 43 * 12) / 3));
});
