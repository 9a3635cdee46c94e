import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";
import { type ChainClient, connectChain } from "./client.ts";
import { keypairFromUri } from "./keypair.ts";
import type { Reveal, WeightsSubmission } from "./weight-plan.ts";

// A real chain at its own pace, on machines that have other work too.
setDefaultTimeout(60_000);

const netuid = 37;
const [first, second, miner] = ["//First//hotkey", "//Second//hotkey", "//Miner//hotkey"].map(keypairFromUri);
const neurons = [
  { coldkeyUri: "//First", stakeTao: 1000 },
  { coldkeyUri: "//Second", stakeTao: 500 },
  { coldkeyUri: "//Miner", stakeTao: 0 },
];
const wanted = { netuid, uids: [1, 2], weights: [1, 3], versionKey: 0 };
const stored = { uids: [1, 2], values: [21_845, 65_535] };

interface Running {
  readonly chain: RunningChain;
  readonly client: ChainClient;
}

async function start(parameters: NonNullable<Parameters<typeof startChain>[0]>["parameters"]): Promise<Running> {
  const chain = await startChain({ blockMs: 100, netuid, neurons, parameters: parameters ?? {} });
  return { chain, client: await connectChain({ endpoints: [chain.url] }) };
}

async function stop({ chain, client }: Running): Promise<void> {
  client.close();
  await chain.close();
}

const nameOf = (submission: { kind: string; error?: string }) => submission.error ?? submission.kind;

/** The row of a uid, as soon as it has one; fails when none has come by then. */
async function rowBy(client: ChainClient, uid: number, block: number): Promise<Partial<typeof stored>> {
  for await (const { number } of client.heads()) {
    const { uids, values } = await client.weights(netuid, uid);
    if (uids.length > 0 || number > block) return { uids: [...uids], values: [...values] };
  }
  return {};
}

test("whoever has taken over a uid since the weights were made gets none of them", async () => {
  const places = [
    { coldkeyUri: "//Miner", stakeTao: 0 },
    { coldkeyUri: "//First", stakeTao: 1000 },
    { coldkeyUri: "//Second", stakeTao: 500 },
  ];
  const parameters = { uidsMax: 3, immunityBlocks: 0, tempoBlocks: 5000, weightsRateLimitBlocks: 1 };
  const chain = await startChain({ blockMs: 100, netuid, neurons: places, parameters });
  const client = await connectChain({ endpoints: [chain.url] });
  try {
    const newcomer = keypairFromUri("//Newcomer").ss58Address;
    const hotkeys = [miner!.ss58Address, second!.ss58Address];
    const weights = { netuid, uids: [0, 2], hotkeys, weights: [3, 1], versionKey: 0, signer: first! };
    expect(await client.submitWeights(weights)).toMatchObject({ kind: "finalised", replaced: [] });
    expect(nameOf(await client.register({ netuid, coldkey: keypairFromUri("//Alice"), hotkey: newcomer }))).toBe(
      "finalised",
    );
    expect(await client.registration(netuid, newcomer)).toMatchObject({ uid: 0 });
    expect(await client.submitWeights(weights)).toMatchObject({ kind: "finalised", replaced: [0] });
    expect(await client.weights(netuid, 1)).toMatchObject({ uids: [2], values: [65_535] });
    // Nobody who was measured is left: nothing is sent at all.
    const onlyMiner = { ...weights, uids: [0], hotkeys: hotkeys.slice(0, 1), weights: [1] };
    expect(nameOf(await client.submitWeights(onlyMiner))).toBe("WeightVecLengthIsLow");
    // The newcomer has the miner's uid, and the miner's signature counts for nothing any more.
    expect(nameOf(await client.submitWeights({ ...weights, signer: miner! }))).toBe("HotKeyNotRegisteredInSubNet");
  } finally {
    await stop({ chain, client });
  }
});

describe("in the plain", () => {
  let running: Running;
  beforeAll(async () => {
    running = await start({ weightsRateLimitBlocks: 5, mechanisms: 2, tempoBlocks: 50 });
  });
  afterAll(() => stop(running));

  test("weights are stored max-upscaled, read back, and wait for the rate limit the second time", async () => {
    const { client } = running;
    const submission = await client.submitWeights({ ...wanted, signer: first! });
    if (submission.kind !== "finalised") throw new Error(nameOf(submission));
    expect(submission).toMatchObject({ method: "plain", row: stored, reveal: null, revealRound: null });
    expect(await client.weights(netuid, 0)).toMatchObject(stored);
    expect((await client.metagraph(netuid)).neurons[0]?.lastUpdateBlock).toBe(submission.block);
    const waits: number[] = [];
    const again = await client.submitWeights({ ...wanted, signer: first!, onWait: (blocks) => waits.push(blocks) });
    if (again.kind !== "finalised") throw new Error(nameOf(again));
    expect(waits.length).toBeGreaterThan(0);
    expect(again.block - submission.block).toBeGreaterThanOrEqual(5);
  });

  test("a second mechanism has its own row and its own rate limit", async () => {
    const { client } = running;
    expect(nameOf(await client.submitWeights({ ...wanted, mecid: 1, signer: second! }))).toBe("finalised");
    expect(await client.weights(netuid, 1, { mecid: 1 })).toMatchObject({ uids: [2], values: [65_535] });
    expect((await client.weights(netuid, 1)).uids).toEqual([]);
  });

  test("the wait for the rate limit ends with its signal", async () => {
    const { client } = running;
    await client.submitWeights({ ...wanted, signer: first! });
    const signal = AbortSignal.timeout(50);
    expect(nameOf(await client.submitWeights({ ...wanted, signer: first!, signal }))).toBe("SettingWeightsTooFast");
  });

  const refused: readonly (readonly [string, object])[] = [
    ["NeuronNoValidatorPermit", { signer: miner }],
    ["HotKeyNotRegisteredInSubNet", { signer: keypairFromUri("//Stranger") }],
    ["UidVecContainInvalidOne", { uids: [1, 77], signer: first }],
    ["MechanismDoesNotExist", { mecid: 2, signer: first }],
    ["CommitRevealDisabled", { method: "hash-commit", signer: first }],
    ["WeightVecLengthIsLow", { uids: [], weights: [], signer: first }],
  ];
  for (const [name, change] of refused)
    test(`${name} is said before anything is sent`, async () => {
      const submission = await running.client.submitWeights({ ...wanted, signer: first!, ...change });
      expect(submission).toMatchObject({ kind: "refused", error: name, extrinsicHash: null });
    });
});

describe("by hash", () => {
  let running: Running;
  let kept: Reveal | undefined;
  let committed: WeightsSubmission;
  beforeAll(async () => {
    running = await start({ weightsRateLimitBlocks: 1, commitReveal: true, tempoBlocks: 15 });
    committed = await running.client.submitWeights({
      ...wanted,
      signer: first!,
      method: "hash-commit",
      onReveal: (reveal) => {
        kept = reveal;
      },
    });
  });
  afterAll(() => stop(running));

  test("the secret is handed over before the commit leaves, and the commit is on the chain", () => {
    expect(nameOf(committed)).toBe("finalised");
    expect(kept).toMatchObject({ ...stored, commitEpoch: null });
    expect(committed.reveal).toEqual({ ...kept!, commitEpoch: expect.any(Number) as unknown as number });
  });

  test("another secret than the committed one reveals nothing", async () => {
    const reveal = { ...committed.reveal!, commitHash: `0x${"00".repeat(32)}` };
    expect(nameOf(await running.client.revealWeights({ reveal, signer: first! }))).toBe("NoWeightsCommitFound");
  });

  test("the weights are revealed in their epoch by another process that has nothing but the secret", async () => {
    const other = await connectChain({ endpoints: [running.chain.url] });
    const revealed = await other.revealWeights({ reveal: kept!, signer: first! });
    other.close();
    expect(nameOf(revealed)).toBe("finalised");
    expect(await running.client.weights(netuid, 0)).toMatchObject(stored);
    expect(nameOf(await running.client.revealWeights({ reveal: kept!, signer: first! }))).toBe("NoWeightsCommitFound");
  });

  test("plain weights are refused by name", async () => {
    const submission = await running.client.submitWeights({ ...wanted, signer: second!, method: "plain" });
    expect(nameOf(submission)).toBe("CommitRevealEnabled");
  });
});

describe("locked until a round of the beacon", () => {
  let running: Running;
  beforeAll(async () => {
    // Six seconds an epoch: a machine that stands still for less than one must not find its round already over.
    running = await start({ weightsRateLimitBlocks: 1, commitReveal: true, tempoBlocks: 60 });
  });
  afterAll(() => stop(running));

  test("what the chain's parameters ask for is done, and the chain opens it", async () => {
    const { client } = running;
    const submission = await client.submitWeights({ ...wanted, signer: first! });
    if (submission.kind !== "finalised") throw new Error(nameOf(submission));
    expect(submission).toMatchObject({ method: "timelocked", row: stored, reveal: null });
    expect(submission.revealRound).toBeGreaterThan(0n);
    expect((await client.weights(netuid, 0)).uids).toEqual([]);
    expect(await rowBy(client, 0, submission.block + 90)).toEqual(stored);
  });
});

describe("a neuron that is replaced while the client runs", () => {
  test("is refused by name, and its uid shows who has it now and since when", async () => {
    const running = await start({ uidsMax: 3, immunityBlocks: 0, tempoBlocks: 50, weightsRateLimitBlocks: 1 });
    const { client } = running;
    const before = await client.metagraph(netuid);
    const newcomer = keypairFromUri("//Newcomer");
    const coldkey = keypairFromUri("//Alice");
    const registered = await client.register({ netuid, coldkey, hotkey: newcomer.ss58Address });
    if (registered.kind !== "finalised") throw new Error(nameOf(registered));
    const after = await client.metagraph(netuid);
    const { uid } = (await client.registration(netuid, newcomer.ss58Address))!;
    expect(after.neurons.length).toBe(3);
    expect(after.neurons[uid]).toMatchObject({ hotkey: newcomer.ss58Address, registrationBlock: registered.block });
    const gone = [first!, second!, miner!].find(({ ss58Address }) => ss58Address === before.neurons[uid]!.hotkey)!;
    expect(await client.registration(netuid, gone.ss58Address)).toBeUndefined();
    expect(nameOf(await client.setCommitment({ netuid, data: new Uint8Array(3), signer: gone }))).toBe(
      "AccountNotAllowedCommit",
    );
    expect(nameOf(await client.submitWeights({ ...wanted, signer: gone }))).toBe("HotKeyNotRegisteredInSubNet");
    await stop(running);
  });
});
