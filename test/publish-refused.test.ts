/**
 * A commitment that the chain refuses: each reason is a sentence and a way out, the upload stays private meanwhile, and the
 * same line goes on when the reason is gone. The endpoint answers as the public chain's pool does; all else is the real thing.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type ChainClient, connectChain } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { startTestSubnet, type TestSubnet } from "./subnet.ts";
import { type FaultyEndpoint, startFaultyEndpoint } from "./support/faulty-endpoint.ts";

const patienceMs = 60_000;
const miners = ["ousted", "swapping", "poor", "banned", "hasty"] as const;
/** The subnet's own miner, whose coldkey can pay for another registration. */
const evicted = "evicted";
type Miner = (typeof miners)[number] | typeof evicted;
const uriOf = (miner: Miner) => (miner === evicted ? "//Alice//miner" : `//${miner}//hotkey`);

let subnet: TestSubnet;
let chain: ChainClient;
let endpoint: FaultyEndpoint;

beforeAll(async () => {
  // Full, and nobody is immune: who registers takes the place of the oldest.
  const own = 2;
  subnet = await startTestSubnet(miners, { blockMs: 120, uidsMax: own + miners.length, immunityBlocks: 1 });
  chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  endpoint = startFaultyEndpoint(subnet.localnet.chainUrl);
  for (const [index, miner] of [...miners, evicted].entries())
    await writeBaseModel(join(subnet.dir, miner), BigInt(index + 1));
}, 120_000);
afterAll(async () => {
  chain?.close();
  await endpoint?.close();
  await subnet?.close();
});

const publish = (miner: Miner) =>
  subnet.finetune(
    [
      ...["mine", "publish", join(subnet.dir, miner), "--repo", `local/${miner}`, "--competition", "1", "--json"],
      ...["--uri", uriOf(miner), "--db", join(subnet.dir, `${miner}.sqlite`)],
    ],
    { FINETUNE_NETWORK: endpoint.url },
  );

/** The pool's answer to the next `times` extrinsics. */
function refuse(error: { code: number; message: string; data?: string }, times: number): void {
  let left = times;
  endpoint.misbehave({
    onRequest: ({ id, method }) =>
      method === "author_submitExtrinsic" && left-- > 0
        ? { text: JSON.stringify({ jsonrpc: "2.0", id, error }) }
        : undefined,
  });
}

async function isCommitted(miner: Miner): Promise<boolean> {
  const { ss58Address } = keypairFromUri(uriOf(miner));
  return (await chain.commitments(subnet.localnet.netuid)).some(({ hotkey }) => hotkey === ss58Address);
}

const strangerSees = async (repo: string) => (await fetch(`${subnet.localnet.hubUrl}/api/models/${repo}`)).status;

const invalid = (data: string) => ({ code: 1010, message: "Invalid Transaction", data });

describe("a refused commitment waits for the operator", () => {
  test.each([
    ["ousted", invalid("Custom error: 19"), 2, "HotKeyNotRegisteredInSubNet", /`finetune register`/],
    ["swapping", invalid("Custom error: 0"), 2, "ColdkeySwapAnnounced", /finish or cancel that first/],
    ["poor", invalid("Inability to pay some fees (e.g. account balance too low)"), 2, "Payment", /transfer TAO/],
    ["banned", { code: 1012, message: "Transaction is temporarily banned" }, 1, "Banned", /run this again/],
  ] as const)(
    "%s",
    async (miner, error, code, name, wayOut) => {
      refuse(error, Number.POSITIVE_INFINITY);
      const refused = await publish(miner);
      expect({ code: refused.code, err: refused.err }).toEqual({
        code,
        err: expect.stringContaining(`The chain refused the commitment: ${name}.`),
      });
      expect(refused.err).toMatch(wayOut);
      expect(refused.err).toContain("The upload is kept and stays private; run this again to go on.");
      expect(refused.err).not.toMatch(/\n\s+at /);
      expect(await isCommitted(miner)).toBe(false);
      expect(await strangerSees(`local/${miner}`)).toBe(401);
      endpoint.misbehave({});
      const done = await publish(miner);
      expect(done).toMatchObject({ code: 0, out: expect.not.stringContaining('"kind":"uploading"') });
      expect(await isCommitted(miner)).toBe(true);
      expect(await strangerSees(`local/${miner}`)).toBe(200);
    },
    patienceMs,
  );
});

test(
  "a rate limit is waited out",
  async () => {
    refuse(invalid("Custom error: 6"), 2);
    const { code, out } = await publish("hasty");
    endpoint.misbehave({});
    expect(code).toBe(0);
    const waits = out.split("\n").filter((line) => line.includes('"reason":"RateLimitExceeded"'));
    expect(waits).toHaveLength(2);
    expect(await strangerSees("local/hasty")).toBe(200);
  },
  patienceMs,
);

test(
  "a place that is lost between the last look and the block: the dispatch refuses, and a new registration goes on",
  async () => {
    const { netuid, chainUrl, faucet } = subnet.localnet;
    const coldkey = keypairFromUri(faucet);
    const { ss58Address: hotkey } = keypairFromUri(uriOf(evicted));
    const held = new Promise<string>((resolve) => {
      endpoint.misbehave({
        onRequest({ id, method, params }) {
          if (method !== "author_submitExtrinsic") return undefined;
          resolve((params as readonly [string])[0]);
          return { text: JSON.stringify({ jsonrpc: "2.0", id, result: `0x${"00".repeat(32)}` }) };
        },
      });
    });
    const publishing = publish(evicted);
    const extrinsic = await held;
    for (let newcomer = 1; (await chain.registration(netuid, hotkey)) !== undefined; newcomer++)
      await chain.register({ netuid, coldkey, hotkey: keypairFromUri(`//newcomer//${newcomer}`).ss58Address });
    await send(chainUrl, extrinsic);
    const refused = await publishing;
    expect({ code: refused.code, err: refused.err }).toEqual({
      code: 2,
      err: expect.stringContaining("The chain refused the commitment: AccountNotAllowedCommit."),
    });
    expect(refused.err).toMatch(/`finetune register` first\. The upload is kept and stays private; run this again/);
    expect(await isCommitted(evicted)).toBe(false);
    expect(await strangerSees("local/evicted")).toBe(401);
    endpoint.misbehave({});
    // Asked again without a registration, it is refused before anything is signed.
    const early = await publish(evicted);
    expect(early).toMatchObject({ code: 2, err: expect.stringContaining("AccountNotAllowedCommit") });
    expect(early.out).not.toContain('"kind":"committing"');
    expect(await chain.register({ netuid, coldkey, hotkey })).toMatchObject({ kind: "finalised" });
    const done = await publish(evicted);
    expect(done).toMatchObject({ code: 0, out: expect.not.stringContaining('"kind":"uploading"') });
    expect(await strangerSees("local/evicted")).toBe(200);
  },
  patienceMs,
);

/** Hands an extrinsic to the chain, as a node does that had it from another. */
async function send(url: string, extrinsic: string): Promise<void> {
  const socket = new WebSocket(url);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const answer = new Promise<string>((resolve) =>
    socket.addEventListener("message", ({ data }) => resolve(String(data))),
  );
  socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "author_submitExtrinsic", params: [extrinsic] }));
  expect(JSON.parse(await answer)).toMatchObject({ id: 1, result: expect.any(String) });
  socket.close();
}
