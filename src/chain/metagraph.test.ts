import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type FaultyEndpoint, type Misbehaviour, startFaultyEndpoint } from "../../test/support/faulty-endpoint.ts";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";
import { connectChain } from "./client.ts";
import { keypairFromUri } from "./keypair.ts";

// A real chain at its own pace, on machines that have other work too.
setDefaultTimeout(60_000);

const netuid = 37;
const miners = 254;
const neurons = [
  { coldkeyUri: "//First", stakeTao: 1000 },
  { coldkeyUri: "//Second", stakeTao: 500.5 },
  ...Array.from({ length: miners }, (_, index) => ({ coldkeyUri: `//Miner${index}`, stakeTao: 0 })),
];

let chain: RunningChain;
let faulty: FaultyEndpoint;

beforeAll(async () => {
  chain = await startChain({
    blockMs: 200,
    netuid,
    neurons,
    parameters: { tempoBlocks: 10, weightsRateLimitBlocks: 1 },
  });
  faulty = startFaultyEndpoint(chain.url);
  const client = await connectChain({ endpoints: [chain.url] });
  const signer = keypairFromUri("//First//hotkey");
  const written = await Promise.all([
    client.submitWeights({ netuid, uids: [2, 3], weights: [1, 2], versionKey: 0, signer }),
    ...Array.from({ length: 12 }, (_, index) =>
      client.setCommitment({
        netuid,
        data: new TextEncoder().encode(`miner${index}/model:0123:${index}`),
        signer: keypairFromUri(`//Miner${index}//hotkey`),
      }),
    ),
  ]);
  expect(written.filter(({ kind }) => kind !== "finalised")).toEqual([]);
  // An epoch has to pass before anybody has earned anything.
  for await (const { number } of client.heads()) if (number > 25) break;
  client.close();
});
afterAll(async () => {
  await faulty.close();
  await chain.close();
});

async function read(how: Misbehaviour, at?: string) {
  faulty.misbehave(how);
  const client = await connectChain({ endpoints: [faulty.url] });
  try {
    return await client.metagraph(netuid, at);
  } finally {
    client.close();
  }
}

const asked = (call: string) => faulty.requests.some(({ params }) => JSON.stringify(params)?.includes(call));

/** A runtime without a runtime API of that name, as older ones are. */
const without = (name: string): Misbehaviour => ({
  onAnswer: (frame, method) => {
    if (method !== "state_call" || typeof frame.result !== "string") return undefined;
    const hidden = Buffer.from(`no${name.slice(2)}`).toString("hex");
    return {
      text: JSON.stringify({ ...frame, result: frame.result.replaceAll(Buffer.from(name).toString("hex"), hidden) }),
    };
  },
});

/** A runtime that has no metadata beyond V14, and so no runtime APIs at all. */
const onlyV14: Misbehaviour = {
  onRequest: ({ id, method, params }) =>
    method === "state_call" && JSON.stringify(params).includes("Metadata_metadata_versions")
      ? { text: JSON.stringify({ jsonrpc: "2.0", id, error: { code: 4003, message: "Exported method is not found" } }) }
      : undefined,
};

test("the three ways to read the neurons agree", async () => {
  const whole = await read({});
  expect(whole.neurons.length).toBe(256);
  expect(whole.neurons.map(({ uid }) => uid)).toEqual([...Array(256).keys()]);
  expect(whole.neurons[3]!.incentive).toBeGreaterThan(0);
  expect(whole.neurons[0]!.validatorTrust).toBeGreaterThan(0);
  expect(whole.neurons[0]!.emissionRao).toBeGreaterThan(0n);
  const at = whole.blockHash;
  const byNeuron = await read(without("get_metagraph"), at);
  expect(asked("NeuronInfoRuntimeApi_get_neurons_lite")).toBe(true);
  const calls = faulty.requests.length;
  const byColumn = await read(onlyV14, at);
  expect(faulty.requests.slice(calls).some(({ method }) => method === "state_getMetadata")).toBe(true);
  const exact = ({ stakeTao, ...neuron }: (typeof whole.neurons)[number]) => neuron;
  expect(byNeuron.neurons.map(exact)).toEqual(whole.neurons.map(exact));
  expect(byColumn.neurons.map(exact)).toEqual(whole.neurons.map(exact));
  for (const { uid, stakeTao } of whole.neurons) {
    expect(byNeuron.neurons[uid]!.stakeTao).toBeCloseTo(stakeTao, 6);
    expect(byColumn.neurons[uid]!.stakeTao).toBeCloseTo(stakeTao, 6);
  }
});

test("256 neurons and all commitments take no more than six requests", async () => {
  faulty.misbehave({});
  const client = await connectChain({ endpoints: [faulty.url] });
  const { hash } = await client.head();
  for await (const head of client.heads()) {
    if (head.hash === hash) continue;
    const before = faulty.requests.length;
    const metagraph = await client.metagraph(netuid, head.hash);
    const commitments = await client.commitments(netuid, head.hash);
    expect(faulty.requests.length - before).toBeLessThanOrEqual(6);
    expect(metagraph.neurons.length).toBe(256);
    expect(commitments.length).toBe(12);
    break;
  }
  const past = await client.blockHash(20);
  const before = faulty.requests.length;
  expect((await client.metagraph(netuid, past!)).block).toBe(20);
  expect((await client.commitments(netuid, past!)).length).toBe(12);
  expect(faulty.requests.length - before).toBeLessThanOrEqual(6);
  client.close();
});

test("a block's time is the chain's own, of that block; the first block has none", async () => {
  faulty.misbehave({});
  const client = await connectChain({ endpoints: [faulty.url] });
  const timeOf = async (block: number) => client.timestampMs((await client.blockHash(block))!);
  const times = [await timeOf(10), await timeOf(11), await timeOf(20)];
  expect(times.toSorted((a, b) => a - b)).toEqual(times);
  expect(times[2]! - times[0]!).toBeGreaterThan(1000);
  expect(times[2]).toBeLessThanOrEqual(Date.now());
  expect(Date.now() - times[0]!).toBeLessThan(600_000);
  expect(timeOf(0)).rejects.toThrow("does not say when");
  await timeOf(0).catch(() => {});
  client.close();
});

test.each([
  ["keys that never go on", "state_getKeysPaged", ([prefix]: string[]) => new Array(1000).fill(prefix)],
  ["changes that are none", "state_queryStorageAt", () => [{ changes: [null] }]],
])("a node that answers with %s is refused, not followed", async (_, lying, answer) => {
  faulty.misbehave({
    onRequest: ({ id, method, params }) =>
      method === lying
        ? { text: JSON.stringify({ jsonrpc: "2.0", id, result: answer(params as string[]) }) }
        : undefined,
  });
  const client = await connectChain({ endpoints: [faulty.url] });
  try {
    await expect(client.commitments(netuid)).rejects.toThrow("is not what its interface promises");
  } finally {
    client.close();
  }
});
