/** The client against the local chain's own faults: what it promises holds whatever the seed draws. */
import { expect, test } from "bun:test";
import { noFaults } from "../localnet/chain/faults.ts";
import { startChain } from "../localnet/chain/server.ts";
import { connectChain } from "./client.ts";
import { keypairFromUri } from "./keypair.ts";

const netuid = 37;
const miner = keypairFromUri("//Miner//hotkey");
const neurons = [{ coldkeyUri: "//Miner", stakeTao: 0 }];
const deadlines = { connectMs: 2000, requestMs: 500, backoffMs: 20, backoffMsMax: 100, stallMsMin: 1500 };

const faults = {
  "lost answers and broken sockets": { ...noFaults, rpcDrop: 0.02, cut: 0.02 },
  latency: { ...noFaults, latencyMs: 60 },
  "blocks that stop coming": { ...noFaults, stallMs: 1800, stallEveryBlocks: 3 },
  reorganisations: { ...noFaults, reorgEveryBlocks: 5 },
};

for (const [name, some] of Object.entries(faults))
  test(`${name}: no final head is missed, and every commitment is made exactly once`, async () => {
    const chain = await startChain({ blockMs: 100, netuid, neurons, faults: some, faultSeed: 7 });
    const client = await connectChain({ endpoints: [chain.url], deadlines: { ...deadlines, connectRounds: 20 } });
    try {
      const stop = new AbortController();
      const numbers: number[] = [];
      const following = (async () => {
        for await (const { number } of client.heads({ finalised: true, signal: stop.signal })) numbers.push(number);
      })();
      for (let round = 0; round < 4; round++) {
        const data = new TextEncoder().encode(`commitment ${round}`);
        const submission = await client.setCommitment({ netuid, data, signer: miner });
        expect(submission.kind).toBe("finalised");
        expect((await client.commitments(netuid)).at(0)?.data).toEqual(data);
      }
      expect((await client.balance(miner.ss58Address)).nonce).toBe(4);
      stop.abort();
      await following;
      expect(numbers.length).toBeGreaterThan(3);
      expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
    } finally {
      client.close();
      await chain.close();
    }
  }, 60_000);
