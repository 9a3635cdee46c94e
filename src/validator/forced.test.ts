import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type ChainClient, connectChain } from "../chain/client.ts";
import { keypairFromUri } from "../chain/keypair.ts";
import { builtInCompetitions } from "../competition/built-in.ts";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";
import { isForced, readTopMiners } from "./forced.ts";

// A real chain at its own pace, on machines that have other work too.
setDefaultTimeout(60_000);

const netuid = 37;
const file = builtInCompetitions("demo");
const queue = { ...file.queue, topMinerStakeTaoMin: 900, topMinerShareMin: 0.01 };

describe("the miners whom large validators pay", () => {
  let chain: RunningChain;
  let client: ChainClient;
  beforeAll(async () => {
    const neurons = [
      { coldkeyUri: "//Large", stakeTao: 1000 },
      { coldkeyUri: "//Small", stakeTao: 500 },
      ...["//A", "//B", "//C"].map((coldkeyUri) => ({ coldkeyUri, stakeTao: 0 })),
    ];
    chain = await startChain({ blockMs: 100, netuid, neurons, parameters: { weightsRateLimitBlocks: 0 } });
    client = await connectChain({ endpoints: [chain.url] });
  });
  afterAll(async () => {
    client.close();
    await chain.close();
  });

  test("are read from the chain as of the block, above the share and by stake", async () => {
    const before = await client.metagraph(netuid);
    const [large, small, a, b, c] = ["Large", "Small", "A", "B", "C"].map(
      (name) => before.neurons.find(({ hotkey }) => hotkey === keypairFromUri(`//${name}//hotkey`).ss58Address)!.uid,
    ) as [number, number, number, number, number];
    expect(large).not.toBe(small);
    const set = (name: string, uids: number[], weights: number[]) =>
      client.submitWeights({ netuid, uids, weights, versionKey: 0, signer: keypairFromUri(`//${name}//hotkey`) });
    expect(await set("Large", [a, b], [0.995, 0.005])).toMatchObject({ kind: "finalised" });
    expect(await set("Small", [c], [1])).toMatchObject({ kind: "finalised" });
    expect(await readTopMiners(client, await client.metagraph(netuid), queue)).toEqual(new Set([a]));
    const everybody = { ...queue, topMinerStakeTaoMin: 1, topMinerShareMin: 0.001 };
    expect(await readTopMiners(client, await client.metagraph(netuid), everybody)).toEqual(new Set([a, b, c]));
    expect(await readTopMiners(client, before, everybody)).toEqual(new Set());
  });
});

describe("a model is forced in", () => {
  const [competition] = file.schedule[0]!.competitions;
  const result = { block: 100, score: 2, winningModelBlock: 1, winningModelScore: 1 };
  const usual = {
    uid: 3,
    topMiners: new Set([3]),
    kept: new Set<number>(),
    competition: competition!,
    results: [result],
    block: 140,
    forcedRetryBlocks: 40,
  };
  const cases: [string, Partial<typeof usual>, boolean][] = [
    ["when its miner is paid and its evaluation is old", {}, true],
    ["when it was never evaluated", { results: [] }, true],
    ["not when it was evaluated lately", { block: 139 }, false],
    ["not when it contends anyway", { kept: new Set([3]) }, false],
    ["not when nobody pays its miner", { topMiners: new Set([4]) }, false],
  ];
  test.each(cases)("%s", (_, change, forced) => {
    expect(isForced({ ...usual, ...change })).toBe(forced);
  });
});
