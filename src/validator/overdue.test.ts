import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChainClient, connectChain } from "../chain/client.ts";
import { keypairFromUri } from "../chain/keypair.ts";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";
import { openStore, type Store } from "../store/store.ts";
import type { Progress } from "./context.ts";
import { OverdueWatch } from "./overdue.ts";

// A real chain at its own pace, on machines that have other work too.
setDefaultTimeout(60_000);

const netuid = 37;
const folder = mkdtempSync(join(tmpdir(), "overdue-"));
let running: RunningChain;
let chain: ChainClient;
let store: Store;

beforeAll(async () => {
  const neurons = ["//First", "//Second"].map((coldkeyUri) => ({ coldkeyUri, stakeTao: 1000 }));
  running = await startChain({ blockMs: 100, netuid, neurons, parameters: { weightsRateLimitBlocks: 0 } });
  chain = await connectChain({ endpoints: [running.url] });
  store = await openStore({ path: join(folder, "state.sqlite"), mode: "write", create: true });
});
afterAll(async () => {
  await store.close();
  chain.close();
  await running.close();
  rmSync(folder, { recursive: true });
});

/** What a watch says at these blocks, which follow the chain's head. */
async function alarmsAt(uri: string, blocks: readonly number[]): Promise<string[]> {
  const said: Progress[] = [];
  const signer = keypairFromUri(uri);
  const watch = new OverdueWatch({ chain, netuid, store, signer, report: (progress) => said.push(progress) }, 10);
  const { number } = await chain.head();
  for (const block of blocks) await watch.look({ number: number + block, hash: "" });
  return said.map((progress) => (progress.kind === "weights" ? progress.detail : progress.kind));
}

test("silent for twice the interval, then once an interval, in the log and among the events", async () => {
  const said = await alarmsAt("//First//hotkey", [0, 10, 20, 21, 22, 30, 31, 32]);
  expect(said).toEqual([expect.stringContaining("for 21 blocks"), expect.stringContaining("for 31 blocks")]);
  const events = await store.db.selectFrom("events").select(["level", "kind"]).execute();
  expect(events).toEqual([0, 1].map(() => ({ level: "error", kind: "weights-overdue" })));
});

test("a hotkey without a place in the subnet is told so", async () => {
  expect(await alarmsAt("//Nobody", [0, 21])).toEqual([expect.stringContaining("not registered")]);
});

test("weights that the chain has accepted end the alarm", async () => {
  const signer = keypairFromUri("//Second//hotkey");
  const said: Progress[] = [];
  const watch = new OverdueWatch({ chain, netuid, store, signer, report: (progress) => said.push(progress) }, 10);
  const { number } = await chain.head();
  await watch.look({ number: number - 10, hash: "" });
  expect(await chain.submitWeights({ netuid, uids: [0], weights: [1], versionKey: 0, signer })).toMatchObject({
    kind: "finalised",
  });
  const { neurons } = await chain.metagraph(netuid);
  const accepted = neurons.find(({ hotkey }) => hotkey === signer.ss58Address)!.lastUpdateBlock;
  await watch.look({ number: accepted + 20, hash: "" });
  expect(said).toEqual([]);
  await watch.look({ number: accepted + 31, hash: "" });
  expect(said).toHaveLength(1);
});
