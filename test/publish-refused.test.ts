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
type Miner = (typeof miners)[number];

let subnet: TestSubnet;
let chain: ChainClient;
let endpoint: FaultyEndpoint;

beforeAll(async () => {
  subnet = await startTestSubnet(miners, { blockMs: 120 });
  chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  endpoint = startFaultyEndpoint(subnet.localnet.chainUrl);
  for (const [index, miner] of miners.entries()) await writeBaseModel(join(subnet.dir, miner), BigInt(index + 1));
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
      ...["--uri", `//${miner}//hotkey`, "--db", join(subnet.dir, `${miner}.sqlite`)],
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
  const { ss58Address } = keypairFromUri(`//${miner}//hotkey`);
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
