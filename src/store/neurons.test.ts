import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Metagraph } from "../subnet.ts";
import { currentNeurons, recordMetagraph, registeredAt } from "./neurons.ts";
import { openStore } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "store-neurons-"));
const store = await openStore({ path: join(folder, "state.sqlite"), mode: "write", create: true });
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function metagraph(block: number, hotkeys: readonly string[]): Metagraph {
  const figures = { active: true, stakeTao: block, validatorPermit: true, lastUpdateBlock: 0, registrationBlock: 0 };
  const shares = { incentive: 0, consensus: 0, dividends: 0, validatorTrust: 0, emissionRao: 0n };
  const neurons = hotkeys.map((hotkey, uid) => ({ uid, hotkey, coldkey: "cold", ...figures, ...shares }));
  return { netuid: 1, block, blockHash: "0x", tempoBlocks: 360, neurons };
}

test("who held a uid at a recorded block is known, in whatever order the metagraphs came", async () => {
  const holders = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom("d", "e")), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(holders, fc.infiniteStream(fc.nat(1000)), async (history, order) => {
      await store.db.deleteFrom("neurons").execute();
      const blocks = history.map((hotkeys, index) => ({ block: (index + 1) * 10, hotkeys, place: order.next().value }));
      for (const { block, hotkeys } of blocks.toSorted((a, b) => a.place - b.place))
        await recordMetagraph(store, metagraph(block, hotkeys));
      for (const { block, hotkeys } of blocks)
        expect([...(await registeredAt(store, block))]).toEqual([...hotkeys.entries()]);
      const newest = await currentNeurons(store);
      expect(newest.map(({ hotkey }) => hotkey)).toEqual([...history.at(-1)!]);
      expect(newest.every(({ stake_tao, last_block }) => stake_tao === last_block)).toBe(true);
    }),
    { numRuns: 40 },
  );
});
