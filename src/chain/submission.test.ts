import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type FaultyEndpoint, type Frame, startFaultyEndpoint } from "../../test/support/faulty-endpoint.ts";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";
import { type ChainClient, connectChain } from "./client.ts";
import { type Deadlines, defaultDeadlines } from "./deadlines.ts";
import { keypairFromUri } from "./keypair.ts";
import { Link } from "./link.ts";
import { poolRefusal } from "./refusals.ts";
import { RpcError } from "./socket.ts";
import { type Pending, type Submission, Submitter } from "./submission.ts";

// A real chain at its own pace, on machines that have other work too.
setDefaultTimeout(60_000);

const netuid = 37;
const faucet = keypairFromUri("//Alice");
const miner = keypairFromUri("//Miner//hotkey");
const quick: Partial<Deadlines> = { connectMs: 3000, requestMs: 1500, backoffMs: 20, signAgainMs: 50 };
const text = (words: string) => new TextEncoder().encode(words);

let chain: RunningChain;
let faulty: FaultyEndpoint;
const clients: ChainClient[] = [];
let nextName = 0;

beforeAll(async () => {
  chain = await startChain({
    blockMs: 100,
    netuid,
    neurons: [
      { coldkeyUri: "//Validator", stakeTao: 1000 },
      { coldkeyUri: "//Miner", stakeTao: 0 },
    ],
  });
});
afterAll(() => chain.close());
beforeEach(() => {
  faulty = startFaultyEndpoint(chain.url);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await faulty.close();
});

async function connect(url: string, deadlines: Partial<Deadlines> = {}): Promise<ChainClient> {
  const client = await connectChain({ endpoints: [url], deadlines: { ...quick, ...deadlines } });
  clients.push(client);
  return client;
}

/** A hotkey that nobody has seen yet. */
const newHotkey = () => keypairFromUri(`//New//${nextName++}`);

const nameOf = (submission: Submission) => (submission.kind === "refused" ? submission.error : submission.kind);

const isSubmit = (frame: Frame) => frame.method === "author_submitExtrinsic";

describe("a commitment", () => {
  test("is on the chain with its block when its submission is final", async () => {
    const client = await connect(chain.url);
    const submission = await client.setCommitment({ netuid, data: text("owner/name:abc:1"), signer: miner });
    if (submission.kind !== "finalised") throw new Error(nameOf(submission));
    expect(submission.events.map(({ name }) => name)).toContain("Commitment");
    const found = (await client.commitments(netuid)).find(({ hotkey }) => hotkey === miner.ss58Address);
    expect(found).toMatchObject({ block: submission.block, data: text("owner/name:abc:1") });
    expect(found?.fields).toEqual([{ kind: "raw", bytes: text("owner/name:abc:1") }]);
  });

  test("of every length up to 512 bytes reads back as it was", async () => {
    const client = await connect(chain.url);
    for (const length of [0, 1, 128, 129, 512]) {
      const data = new Uint8Array(length).fill(7);
      expect(nameOf(await client.setCommitment({ netuid, data, signer: miner }))).toBe("finalised");
    }
    const data = new Uint8Array(513);
    expect(nameOf(await client.setCommitment({ netuid, data, signer: miner }))).toBe("CommitmentTooLong");
  });

  test("of a stranger and one beyond the epoch's space are refused before they are sent", async () => {
    const client = await connect(faulty.url);
    const stranger = newHotkey();
    expect(nameOf(await client.setCommitment({ netuid, data: text("x"), signer: stranger }))).toBe(
      "AccountNotAllowedCommit",
    );
    expect(faulty.requests.filter(isSubmit)).toEqual([]);
    const validator = keypairFromUri("//Validator//hotkey");
    const names: string[] = [];
    const large = new Uint8Array(512);
    while (names.length < 8) names.push(nameOf(await client.setCommitment({ netuid, data: large, signer: validator })));
    expect(names).toEqual([...new Array(6).fill("finalised"), "SpaceLimitExceeded", "SpaceLimitExceeded"]);
    expect(faulty.requests.filter(isSubmit).length).toBe(6);
  });
});

describe("a registration", () => {
  test("makes the hotkey a neuron of the coldkey and costs the price", async () => {
    const client = await connect(chain.url);
    const hotkey = newHotkey().ss58Address;
    const before = (await client.balance(faucet.ss58Address)).freeRao;
    expect(nameOf(await client.register({ netuid, coldkey: faucet, hotkey }))).toBe("finalised");
    expect(await client.registration(netuid, hotkey)).toMatchObject({ coldkey: faucet.ss58Address });
    expect((await client.balance(faucet.ss58Address)).freeRao).toBeLessThan(before);
    expect(nameOf(await client.register({ netuid, coldkey: faucet, hotkey }))).toBe("HotKeyAlreadyRegisteredInSubNet");
  });

  test("is refused by name for a poor coldkey, a foreign hotkey and a subnet that is not", async () => {
    const client = await connect(chain.url);
    const poor = newHotkey();
    const hotkey = newHotkey().ss58Address;
    expect(nameOf(await client.register({ netuid, coldkey: poor, hotkey }))).toBe("NotEnoughBalanceToStake");
    expect(nameOf(await client.register({ netuid: 99, coldkey: faucet, hotkey }))).toBe("SubnetNotExists");
    expect(nameOf(await client.register({ netuid: 0, coldkey: faucet, hotkey }))).toBe(
      "RegistrationNotPermittedOnRootSubnet",
    );
  });
});

describe("several at once", () => {
  test("from one account through one client all take effect", async () => {
    const client = await connect(chain.url);
    const hotkeys = Array.from({ length: 5 }, () => newHotkey().ss58Address);
    const submissions = await Promise.all(
      hotkeys.map((hotkey) => client.register({ netuid, coldkey: faucet, hotkey })),
    );
    expect(submissions.map(nameOf)).toEqual(new Array(5).fill("finalised"));
    for (const hotkey of hotkeys) expect(await client.registration(netuid, hotkey)).toBeDefined();
  });

  test("from one account through two clients all take effect", async () => {
    const both = [await connect(chain.url), await connect(chain.url)];
    const submissions = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        both[index % 2]!.register({ netuid, coldkey: faucet, hotkey: newHotkey().ss58Address }),
      ),
    );
    expect(submissions.map(nameOf)).toEqual(new Array(6).fill("finalised"));
  });
});

describe("a submission whose fate is unknown", () => {
  /** Every signed extrinsic of an account in the whole chain. */
  async function nonce(client: ChainClient): Promise<number> {
    return (await client.balance(miner.ss58Address)).nonce;
  }

  test("because the connection breaks off before the answer is found, and sent once", async () => {
    const client = await connect(faulty.url);
    const before = await nonce(client);
    let cuts = 0;
    faulty.misbehave({
      onAnswer: (_, method) => (method === "author_submitExtrinsic" && cuts++ === 0 ? "cut" : undefined),
    });
    expect(nameOf(await client.setCommitment({ netuid, data: text("once"), signer: miner }))).toBe("finalised");
    expect(cuts).toBeGreaterThan(0);
    expect(await nonce(client)).toBe(before + 1);
    const bytes = new Set(faulty.requests.filter(isSubmit).map(({ params }) => JSON.stringify(params)));
    expect(bytes.size).toBe(1);
  });

  test("because the request was lost is sent again, the same bytes", async () => {
    const client = await connect(faulty.url);
    const before = await nonce(client);
    let lost = 0;
    faulty.misbehave({ onRequest: (frame) => (isSubmit(frame) && lost++ < 2 ? "cut" : undefined) });
    expect(nameOf(await client.setCommitment({ netuid, data: text("again"), signer: miner }))).toBe("finalised");
    expect(await nonce(client)).toBe(before + 1);
    const sent = faulty.requests.filter(isSubmit).map(({ params }) => JSON.stringify(params));
    expect(sent.length).toBe(3);
    expect(new Set(sent).size).toBe(1);
  });

  test("is over when its life time is: what no block took is refused for certain", async () => {
    const client = await connect(faulty.url, { eraBlocks: 8 });
    const before = await nonce(client);
    faulty.misbehave({
      onRequest: (frame) =>
        isSubmit(frame)
          ? { text: JSON.stringify({ jsonrpc: "2.0", id: frame.id, result: `0x${"00".repeat(32)}` }) }
          : undefined,
    });
    expect(nameOf(await client.setCommitment({ netuid, data: text("never"), signer: miner }))).toBe("Expired");
    expect(await nonce(client)).toBe(before);
  });

  test("is found by another process from what was kept before it left", async () => {
    const client = await connect(chain.url);
    let pending: Pending | undefined;
    const keep = (signed: Pending) => {
      pending = signed;
    };
    const submission = await client.setCommitment({ netuid, data: text("kept"), signer: miner, onSigned: keep });
    const found = await (await connect(chain.url)).fate(pending!);
    expect(found).toEqual(submission);
    expect(
      nameOf(
        await client.fate({ ...pending!, extrinsicHash: `0x${"00".repeat(32)}`, untilBlock: pending!.sinceBlock + 3 }),
      ),
    ).toBe("Expired");
  });
});

describe("what the chain itself refuses", () => {
  let link: Link;
  beforeEach(async () => {
    link = await Link.open({ endpoints: [chain.url], deadlines: { ...defaultDeadlines, ...quick } });
  });
  afterEach(() => link.close());

  test("has the runtime's name and a sentence of what to do", async () => {
    const refused = await new Submitter(link).submit({
      path: "SubtensorModule.burned_register",
      args: () => ({ netuid, hotkey: miner.ss58Address }),
      signer: faucet,
    });
    expect(refused).toMatchObject({ kind: "refused", error: "HotKeyAlreadyRegisteredInSubNet" });
    expect(refused.kind === "refused" && refused.sentence.length).toBeGreaterThan(20);
  });

  test("keeps its name when the pool says it by number", () => {
    expect(poolRefusal(new RpcError(1010, "Invalid Transaction", "Custom error: 19")).error).toBe(
      "HotKeyNotRegisteredInSubNet",
    );
    expect(poolRefusal(new RpcError(1010, "Invalid Transaction", "Custom error: 6")).error).toBe("RateLimitExceeded");
    expect(poolRefusal(new RpcError(1010, "Invalid Transaction", "Custom error: 77")).error).toBe("Custom(77)");
    expect(poolRefusal(new RpcError(1010, "Invalid Transaction", "Transaction is outdated")).error).toBe("Stale");
    const invalid = (reason: unknown) =>
      poolRefusal(new RpcError(1010, JSON.stringify({ invalid: reason }), undefined));
    expect(invalid({ custom: 6 }).error).toBe("RateLimitExceeded");
    expect(invalid({ badProof: null }).error).toBe("BadProof");
    expect(invalid({ ancientBirthBlock: null }).error).toBe("AncientBirthBlock");
    expect(poolRefusal(new RpcError(1014, "Priority is too low: (1 vs 1)", undefined)).error).toBe("Stale");
    expect(poolRefusal(new RpcError(1013, "Transaction already imported", undefined)).error).toBe("AlreadyImported");
    expect(poolRefusal(new RpcError(-32000, "Something else", undefined)).error).toBe("Pool(-32000)");
  });
});
