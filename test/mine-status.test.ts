/** `finetune mine status` with what a validator has made of the miner: from its state file, and from its page. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { recordContender } from "../src/store/contenders.ts";
import { findRound } from "../src/store/rounds.ts";
import { openStore } from "../src/store/store.ts";
import { makeSyntheticState } from "./fixtures/synthetic-state.ts";
import { documents, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

const { ss58Address: hotkey } = keypairFromUri("//miner//hotkey");
/** The subnet's own two neurons come first. */
const uid = 2;
let subnet: TestSubnet;
let state: string;

beforeAll(async () => {
  subnet = await startTestSubnet(["miner", "silent"]);
  await publishTiny(subnet, "miner", 1n);
  state = join(subnet.dir, "validator.sqlite");
  // In the newest round the uid is the miner's; in those before it belonged to another hotkey.
  await makeSyntheticState({ path: state, rounds: 3, models: uid, batches: 4, seed: 1 });
  const store = await openStore({ path: state, mode: "write" });
  for (const [syncBlock, of] of [
    [40, "hotkey-before"],
    [60, hotkey],
  ] as const) {
    const round = await findRound(store, { competitionId: 1, syncBlock });
    await recordContender(store, round!.id, {
      uid,
      hotkey: of,
      state: "refused",
      reason: "hash-mismatch",
      detail: "x",
    });
  }
  await store.close();
}, 120_000);
afterAll(() => subnet?.close());

const status = (...more: readonly string[]) => subnet.finetune(["mine", "status", "--uri", "//miner//hotkey", ...more]);

test("shows the hotkey's own rounds of a state file, as a table and as JSON", async () => {
  const { code, out, err } = await status("--results", state);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(/neuron +uid 2, incentive 0\.0000/);
  expect(out).toMatch(/repository +public, 0\.\d MB, as committed/);
  expect(out).toMatch(/60 +1 .*hash-mismatch/);
  const { neuron, results } = JSON.parse((await status("--results", state, "--json")).out);
  expect(neuron).toMatchObject({ uid });
  expect(results).toMatchObject([{ syncBlock: 60, hotkey, state: "refused", reason: "hash-mismatch", score: null }]);
}, 60_000);

test("and the same of a validator's page", async () => {
  const page = subnet.spawn(["web", "--db", state, "--port", "0", "--json"]);
  const { value } = await documents(page.stdout).next();
  const { url } = value as { url: string };
  const [local, remote] = [await status("--results", state, "--json"), await status("--results", url, "--json")];
  expect(JSON.parse(remote.out).results).toEqual(JSON.parse(local.out).results);
  const silent = await status("--uri", "//silent//hotkey", "--results", url);
  expect(silent).toMatchObject({ code: 2, err: expect.stringContaining("has not looked at uid 3 yet") });
  const elsewhere = await status("--results", `${subnet.localnet.hubUrl}/nothing`);
  expect(elsewhere).toMatchObject({ code: 2, err: expect.stringContaining("this is no validator's page") });
  page.kill();
  await page.exited;
  expect(await status("--results", "no-such.sqlite")).toMatchObject({
    code: 2,
    err: expect.stringContaining("no state"),
  });
}, 60_000);
