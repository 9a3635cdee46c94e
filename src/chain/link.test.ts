import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type FaultyEndpoint, type Frame, startFaultyEndpoint } from "../../test/support/faulty-endpoint.ts";
import { OperatorError } from "../base/errors.ts";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";
import type { Head } from "../subnet.ts";
import { type ChainClient, connectChain } from "./client.ts";
import type { Deadlines } from "./deadlines.ts";
import { keypairFromUri } from "./keypair.ts";

// A real chain at its own pace, on machines that have other work too.
setDefaultTimeout(60_000);

const netuid = 37;
const quick: Partial<Deadlines> = {
  connectMs: 3000,
  requestMs: 600,
  readMs: 8000,
  connectRounds: 1,
  backoffMs: 20,
  backoffMsMax: 100,
  stallMsMin: 900,
};
/** Nobody listens there: the port was free a moment ago. */
const nobody = "ws://127.0.0.1:9";

let chain: RunningChain;
let faulty: FaultyEndpoint;
const clients: ChainClient[] = [];

beforeAll(async () => {
  chain = await startChain({ blockMs: 100, netuid, neurons: [{ coldkeyUri: "//Validator", stakeTao: 1000 }] });
});
afterAll(() => chain.close());
beforeEach(() => {
  faulty = startFaultyEndpoint(chain.url);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await faulty.close();
});

async function connect(endpoints: readonly string[], more: Partial<Parameters<typeof connectChain>[0]> = {}) {
  const client = await connectChain({ endpoints, deadlines: quick, ...more });
  clients.push(client);
  return client;
}

async function refusalOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => new Error("it was not refused"),
    (error: Error) => error,
  );
}

async function collect(heads: AsyncIterable<Head>, count: number, onHead?: (head: Head) => void): Promise<number[]> {
  const numbers: number[] = [];
  for await (const head of heads) {
    numbers.push(head.number);
    onHead?.(head);
    if (numbers.length === count) break;
  }
  return numbers;
}

/** The first number and the ones that must follow it. */
const consecutive = (numbers: readonly number[]) => numbers.map((_, index) => numbers[0]! + index);

const isHead = (frame: Frame) => /newHead|finalizedHead/i.test(frame.method ?? "");

describe("which endpoint", () => {
  test("the first that answers is used, in order", async () => {
    const client = await connect([nobody, chain.url]);
    expect(client.endpoint).toBe(chain.url);
    expect(client.genesisHash).toBe(chain.genesisHash);
    expect(client.blockTimeMs).toBe(100);
  });

  test("when none answers the operator reads which and why", async () => {
    const error = await refusalOf(connect([nobody]));
    expect(error).toBeInstanceOf(OperatorError);
    expect(error.message).toContain(nobody);
  });

  test("a node that answers nonsense is refused and does not end the process", async () => {
    for (const text of ["not json", "[1,2]", "null", '{"id":1,"result":{}}', '{"id":1,"result":"0x12"}']) {
      faulty.misbehave({ onRequest: () => ({ text }) });
      expect(await refusalOf(connect([faulty.url]))).toBeInstanceOf(OperatorError);
    }
  });

  test("metadata of an unknown layout is called so", async () => {
    for (const metadata of ["0x", "0x01086d657461", `0x${"00".repeat(40)}`, "0x6d65746163"]) {
      faulty.misbehave({
        onRequest: ({ id, method, params }) => {
          if (method === "state_getMetadata") return { text: JSON.stringify({ jsonrpc: "2.0", id, result: metadata }) };
          const isVersions = JSON.stringify(params)?.includes("Metadata_metadata_versions");
          return isVersions ? { text: JSON.stringify({ jsonrpc: "2.0", id, result: "0x00" }) } : undefined;
        },
      });
      expect((await refusalOf(connect([faulty.url]))).message).toContain("unknown layout");
    }
  });

  test("a node that stops answering costs its deadline, not for ever", async () => {
    faulty.misbehave({ onRequest: () => "drop" });
    expect((await refusalOf(connect([faulty.url]))).message).toContain("took longer than");
  });

  test("Ctrl-C does not wait for a node that accepts and says nothing", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const stop = new AbortController();
    const connecting = refusalOf(
      connect([`ws://127.0.0.1:${silent.port}`], { signal: stop.signal, deadlines: { connectMs: 3_600_000 } }),
    );
    stop.abort();
    expect((await connecting).name).toBe("InterruptedError");
    silent.stop(true);
  });

  test("another chain than the state file's is refused by its genesis", async () => {
    const expected = { genesisHash: `0x${"00".repeat(32)}` };
    const error = await refusalOf(connect([chain.url], { expected }));
    expect(error).toBeInstanceOf(OperatorError);
    expect(error.message).toContain(chain.genesisHash);
  });

  test("a second endpoint on another chain is not used when the first is lost", async () => {
    const other = await startChain({ blockMs: 100, netuid });
    const client = await connect([faulty.url, other.url], { deadlines: { ...quick, readMs: 800 } });
    faulty.misbehave({ onRequest: (frame) => (frame.method === "chain_getHeader" ? "cut" : undefined) });
    faulty.cut();
    const error = await refusalOf(client.metagraph(netuid));
    expect(error.message).toContain("is on another chain");
    faulty.misbehave({});
    expect((await client.metagraph(netuid)).neurons.length).toBe(1);
    await other.close();
  });
});

describe("heads", () => {
  test("follow one another without a gap while connections break off", async () => {
    const client = await connect([faulty.url]);
    const numbers = await collect(client.heads(), 15, ({ number }) => {
      if (number % 4 === 0) faulty.cut();
    });
    expect(numbers).toEqual(consecutive(numbers));
  });

  test("have the hashes that the chain knows them by", async () => {
    const client = await connect([chain.url]);
    for await (const { number, hash } of client.heads({ finalised: true })) {
      expect(await client.blockHash(number)).toBe(hash);
      if (number % 5 === 0) break;
    }
  });

  test("a slow reader misses none", async () => {
    const client = await connect([chain.url]);
    const numbers: number[] = [];
    for await (const { number } of client.heads()) {
      numbers.push(number);
      if (numbers.length === 2) await Bun.sleep(600);
      if (numbers.length === 9) break;
    }
    expect(numbers).toEqual(consecutive(numbers));
  });

  test("an endpoint whose heads stall is left for the next, and its blocks are made up for", async () => {
    const client = await connect([faulty.url, chain.url]);
    const numbers = await collect(client.heads(), 20, ({ number }) => {
      if (number % 3 === 0) faulty.misbehave({ onAnswer: (frame) => (isHead(frame) ? "drop" : undefined) });
    });
    expect(numbers).toEqual(consecutive(numbers));
    expect(client.endpoint).toBe(chain.url);
  });

  test("a node that announces a block older than what was final is left", async () => {
    const client = await connect([faulty.url, chain.url]);
    const { number } = await client.head({ finalised: true });
    faulty.misbehave({
      onAnswer: (frame) => {
        if (frame.method !== "chain_newHead") return undefined;
        const { params } = frame as { params: { result: Record<string, string> } };
        const result = { ...params.result, number: `0x${Math.max(0, number - 1).toString(16)}` };
        return { text: JSON.stringify({ ...frame, params: { ...params, result } }) };
      },
    });
    await collect(client.heads(), 8);
    expect(client.endpoint).toBe(chain.url);
  });

  test("a node that lacks what was final is not used at all", async () => {
    const expected = { finalised: { number: 1_000_000, hash: `0x${"11".repeat(32)}` } };
    expect((await refusalOf(connect([chain.url], { expected }))).message).toContain("which was final already");
  });

  test("a node that tells another story of what was final is not used at all", async () => {
    const expected = { finalised: { number: 1, hash: `0x${"11".repeat(32)}` } };
    expect((await refusalOf(connect([chain.url], { expected }))).message).toContain("has another block 1");
  });

  test("end with their signal", async () => {
    const client = await connect([chain.url]);
    const stop = new AbortController();
    const numbers: number[] = [];
    for await (const { number } of client.heads({ signal: stop.signal })) {
      numbers.push(number);
      if (numbers.length === 3) stop.abort();
    }
    expect(numbers.length).toBe(3);
  });
});

describe("reads", () => {
  test("are asked again when the connection breaks off under them", async () => {
    const client = await connect([faulty.url]);
    let cuts = 0;
    faulty.misbehave({
      onRequest: ({ method }) => (method === "state_call" && cuts++ < 2 ? "cut" : undefined),
    });
    expect((await client.metagraph(netuid)).neurons.length).toBe(1);
    expect(cuts).toBe(3);
  });

  test("a lost answer costs its deadline, then the next endpoint gives it", async () => {
    const client = await connect([faulty.url, chain.url]);
    faulty.misbehave({ onRequest: ({ method }) => (method === "state_call" ? "drop" : undefined) });
    expect((await client.metagraph(netuid)).neurons.length).toBe(1);
  });

  test("without any endpoint they end with a sentence", async () => {
    const client = await connect([faulty.url], { deadlines: { ...quick, readMs: 700 } });
    faulty.misbehave({ onRequest: () => "cut" });
    faulty.cut();
    expect((await refusalOf(client.metagraph(netuid))).message).toContain("cannot be reached");
  });

  test("an answer that does not fit the metadata is called so", async () => {
    const client = await connect([faulty.url]);
    const answer = (result: unknown) => ({
      onRequest: ({ id, method }: Frame) =>
        method === "state_call" ? { text: JSON.stringify({ jsonrpc: "2.0", id, result }) } : undefined,
    });
    for (const result of ["0x", "0x01ff", "0x0000", 7, null, "zz"]) {
      faulty.misbehave(answer(result));
      expect((await refusalOf(client.metagraph(netuid))).message).toMatch(/does not fit|not what its interface/);
    }
    faulty.misbehave({});
    expect((await client.metagraph(netuid)).neurons.length).toBe(1);
  });

  test("go on through a runtime upgrade", async () => {
    let upgradedAt = Number.POSITIVE_INFINITY;
    const client = await connect([faulty.url]);
    const numbers = new Map<string, number>();
    const specVersionAt = (versionOf: (hash: string) => number) =>
      faulty.misbehave({
        onRequest: ({ id, method, params }) => {
          if (method !== "state_getRuntimeVersion") return undefined;
          const specVersion = versionOf(String((params as string[])[0]));
          const result = { specName: "node-subtensor", specVersion, transactionVersion: 1 };
          return { text: JSON.stringify({ jsonrpc: "2.0", id, result }) };
        },
      });
    specVersionAt((hash) => ((numbers.get(hash) ?? 0) >= upgradedAt ? 425 : 424));
    for await (const { number, hash } of client.heads()) {
      numbers.set(hash, number);
      if (upgradedAt === Number.POSITIVE_INFINITY) upgradedAt = number + 4;
      const { neurons, blockHash } = await client.metagraph(netuid, hash);
      expect(neurons.length).toBe(1);
      expect(blockHash).toBe(hash);
      expect(client.specVersion).toBe(number >= upgradedAt ? 425 : 424);
      if (number >= upgradedAt + 3) break;
    }
    const asked = faulty.requests.filter(({ params }) => JSON.stringify(params)?.includes("0x0f000000"));
    expect(asked.length).toBe(2);
    // What is signed now names the new version; the chain behind this endpoint does not have it.
    specVersionAt(() => 425);
    const signer = keypairFromUri("//Validator//hotkey");
    const submission = await client.setCommitment({ netuid, data: Uint8Array.of(1), signer });
    expect(submission).toMatchObject({ kind: "refused", error: "BadProof" });
  });

  test("an unknown subnet and an unknown block are the operator's", async () => {
    const client = await connect([chain.url]);
    expect(await refusalOf(client.metagraph(99))).toBeInstanceOf(OperatorError);
    expect(await refusalOf(client.hyperparameters(99))).toBeInstanceOf(OperatorError);
    expect(await refusalOf(client.metagraph(netuid, `0x${"22".repeat(32)}`))).toBeInstanceOf(OperatorError);
  });

  test("are cut short when the client is closed", async () => {
    const client = await connect([faulty.url]);
    faulty.misbehave({ onRequest: () => "drop" });
    const reading = refusalOf(client.metagraph(netuid));
    client.close();
    expect((await reading).name).toBe("InterruptedError");
  });
});
