/** The chain's commands as an operator types them: real processes against a real local chain. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFaultyEndpoint } from "../../test/support/faulty-endpoint.ts";
import { selfCommand } from "../base/self.ts";
import { keypairFromUri } from "../chain/keypair.ts";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";

setDefaultTimeout(60_000);

const newcomer = keypairFromUri("//Newcomer").ss58Address;
let chain: RunningChain;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "finetune-chain-"));
  chain = await startChain({
    netuid: 7,
    neurons: [
      { coldkeyUri: "//Validator", stakeTao: 1000 },
      { coldkeyUri: "//Miner", stakeTao: 0 },
    ],
    parameters: { weightsRateLimitBlocks: 1, tempoBlocks: 12 },
  });
});
afterAll(async () => {
  await chain.close();
  rmSync(folder, { recursive: true });
});

async function finetune(...args: readonly string[]) {
  const child = Bun.spawn([...selfCommand(...args)], {
    env: { PATH: process.env.PATH, HOME: folder, FINETUNE_NETWORK: chain.url, FINETUNE_NETUID: "7", NO_COLOR: "1" },
    cwd: folder,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr, json: () => JSON.parse(stdout) as Record<string, unknown> };
}

test("subnet and metagraph describe what answers", async () => {
  const described = await finetune("subnet", "--json");
  expect(described.stderr).toBe("");
  const subnet = described.json();
  expect(subnet).toMatchObject({ genesisHash: chain.genesisHash, specVersion: 424, endpoint: chain.url });
  expect(subnet.hyperparameters).toMatchObject({ netuid: 7, tempo: 12, weightsRateLimit: 1 });
  const metagraph = await finetune("metagraph");
  expect(metagraph.code).toBe(0);
  expect(metagraph.stdout).toContain(keypairFromUri("//Miner//hotkey").ss58Address);
  const first = (await finetune("metagraph", "--at", "0", "--json")).json();
  expect(first).toMatchObject({ netuid: 7, block: 0, commitments: [] });
  expect(first.neurons).toHaveLength(2);
});

test("register asks before it pays, pays with --yes, and says why not", async () => {
  const asked = await finetune("register", "--uri", "//Alice", "--hotkey", newcomer);
  expect(asked.code).toBe(2);
  expect(asked.stderr).toContain("--yes");
  const paid = await finetune("register", "--uri", "//Alice", "--hotkey", newcomer, "--yes", "--json");
  expect(paid.code).toBe(0);
  expect(paid.json()).toMatchObject({ kind: "finalised", hotkey: newcomer, uid: 2 });
  const again = await finetune("register", "--uri", "//Alice", "--hotkey", newcomer, "--yes");
  expect(again.code).toBe(1);
  expect(again.stdout).toContain("HotKeyAlreadyRegisteredInSubNet");
});

test("balance is of a wallet, a development key or an address", async () => {
  const alice = keypairFromUri("//Alice").ss58Address;
  const named = (await finetune("balance", alice, "--json")).json();
  expect(named).toMatchObject({ address: alice });
  expect(BigInt(String(named.freeRao))).toBeGreaterThan(10n ** 12n);
  expect((await finetune("balance", "--uri", "//Alice")).stdout).toStartWith(alice);
  expect((await finetune("balance")).code).toBe(2);
  expect((await finetune("balance", "nobody")).code).toBe(2);
});

test("weights are set, shown, and missed by health when they are not", async () => {
  const set = await finetune("weights", "submit", "--uri", "//Validator//hotkey", "--weight", "1=3", "--weight=2=1");
  expect(set).toMatchObject({ code: 0, stderr: "" });
  expect(set.stdout).toContain("Weights set, in block");
  const shown = (await finetune("weights", "show", "--uid", "0", "--json")).json();
  expect(shown.weights).toMatchObject([
    { uid: 1, value: 65_535, share: 65_535 / 87_380 },
    { uid: 2, value: 21_845 },
  ]);
  expect((await finetune("health", "--uri", "//Validator//hotkey")).code).toBe(0);
  const sick = await finetune("health", "--uri", "//Miner//hotkey", "--json");
  expect(sick.code).toBe(1);
  const failed = (sick.json().findings as { check: string; ok: boolean }[]).filter(({ ok }) => !ok);
  expect(failed.map(({ check }) => check)).toContain("weights");
});

test("mistakes are said in a sentence with a way out, and exit with 2", async () => {
  for (const [args, sentence] of [
    [["metagraph", "--netuid", "99"], "no subnet 99"],
    [["metagraph", "--network", "finny"], 'no network "finny"'],
    [["weights", "show", "--uid", "77"], "no neuron 77"],
    [["weights", "submit", "--uri", "//Validator//hotkey", "--weight", "1:3"], "not UID=WEIGHT"],
    [["weights", "submit", "--uri", "a b c", "--weight", "1=3"], "development keys only"],
    [["weights", "submit", "--uri", "//A", "--weight", "1=3", "--method", "hash-commit"], "who knows its salt"],
    [["weights", "history"], "no state file"],
  ] as const) {
    const { code, stderr, stdout } = await finetune(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(sentence);
  }
});

test("of metadata that cannot be read the operator reads a sentence, and nothing of the library's own", async () => {
  const faulty = startFaultyEndpoint(chain.url);
  faulty.misbehave({
    onRequest: ({ id, method }) =>
      method === "state_call" || method === "state_getMetadata"
        ? { text: JSON.stringify({ jsonrpc: "2.0", id, result: "0x6d65746163" }) }
        : undefined,
  });
  const { code, stdout, stderr } = await finetune("subnet", "--json", "--network", faulty.url);
  await faulty.close();
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("unknown layout");
  expect(stderr).not.toMatch(/API\/INIT|RPC-CORE|FATAL/);
});

test("a hash commit keeps its secret in a file and is revealed from it", async () => {
  const closed = await startChain({
    netuid: 7,
    neurons: [{ coldkeyUri: "//Validator", stakeTao: 1000 }],
    parameters: { weightsRateLimitBlocks: 1, tempoBlocks: 15, commitReveal: true },
  });
  const to = ["--network", closed.url, "--uri", "//Validator//hotkey"];
  const file = join(folder, "reveal.json");
  const method = ["--method", "hash-commit", "--reveal-file", file];
  const committed = await finetune("weights", "submit", ...to, "--weight", "0=1", ...method);
  expect(committed.stdout).toContain("committed by hash");
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ netuid: 7, uids: [0], values: [65_535] });
  const again = await finetune("weights", "submit", ...to, "--weight", "0=1", ...method);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("may hold the secret of a commit");
  const revealed = await finetune("weights", "reveal", file, ...to, "--json");
  expect(revealed.json()).toMatchObject({ kind: "finalised" });
  await closed.close();
});
