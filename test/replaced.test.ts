/**
 * Neurons lose their places while a validator runs, its own too: nobody inherits what another hotkey has earned, and
 * nothing is submitted in a stranger's name. Real processes on a real local subnet that is full.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type ChainClient, connectChain } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { latestAverages, readVector } from "../src/store/results.ts";
import { listRounds } from "../src/store/rounds.ts";
import { openStore, type Store } from "../src/store/store.ts";
import { findSubmissions } from "../src/store/submissions.ts";
import type { Hotkey, Uid } from "../src/subnet.ts";
import { documents, placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

const miners = ["first", "second"];
const hotkeyOf = (name: string) => keypairFromUri(`//${name}//hotkey`).ss58Address;
/** Has so much stake that whom it gives no weight earns nothing, and loses its place to the next who registers. */
const boss = { uri: "//boss", stakeTao: 1_000_000 };
const cadenceBlocks = 30;

let subnet: TestSubnet;
let chain: ChainClient;
let db: string;

beforeAll(async () => {
  subnet = await startTestSubnet(miners, {
    neurons: [...miners.map((name) => ({ uri: `//${name}`, stakeTao: 0 })), boss],
    uidsMax: 5,
    tempoBlocks: 12,
    rateLimitBlocks: 2,
    immunityBlocks: 1,
  });
  db = join(subnet.dir, "state.sqlite");
  chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  for (const [index, miner] of miners.entries()) await publishTiny(subnet, miner, BigInt(index));
  await placeRounds(subnet, { cadenceBlocks });
}, 120_000);
afterAll(async () => {
  chain?.close();
  await subnet.close();
});

type Document = Readonly<Record<string, unknown>>;

/** Reads a validator's steps until one is wanted; throws when it ends before. */
function follower(stdout: ReadableStream<Uint8Array>) {
  const steps = documents(stdout);
  return async (isWanted: (step: Document) => boolean): Promise<Document> => {
    for (;;) {
      const { value, done } = await steps.next();
      if (done) throw new Error("the validator has ended");
      if (isWanted(value)) return value;
    }
  };
}

const isJudged = ({ kind }: Document) => kind === "judged";
const isAccepted = ({ kind, outcome }: Document) => kind === "weights" && outcome === "accepted";
const isRefused = ({ kind, outcome }: Document) => kind === "weights" && outcome === "refused";

/** Registers a newcomer after two epochs in which everybody but one neuron earned something: it takes that one's place. */
async function replace(uid: Uid, newcomer: string): Promise<void> {
  await payAllBut(uid);
  const args = ["register", "--uri", "//Alice", "--hotkey", hotkeyOf(newcomer), "--yes", "--json"];
  const { out } = await subnet.finetune(args);
  expect(JSON.parse(out)).toMatchObject({ kind: "finalised", uid });
}

async function payAllBut(poor: Uid): Promise<void> {
  const uids = [0, 1, 2, 3].filter((uid) => uid !== poor);
  const weights = uids.flatMap((uid) => ["--weight", `${uid}=1`]);
  const { code, err } = await subnet.finetune(["weights", "submit", "--uri", `${boss.uri}//hotkey`, ...weights]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const { tempo } = await chain.hyperparameters(subnet.localnet.netuid);
  const until = (await chain.head()).number + 2 * tempo;
  for await (const { number } of chain.heads()) if (number > until) return;
}

async function inStore<T>(read: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ path: db, mode: "read" });
  try {
    return await read(store);
  } finally {
    await store.close();
  }
}

test("nobody inherits, and a validator without a place says so, keeps what it stored and submits nothing", async () => {
  const { netuid } = subnet.localnet;
  const validator = subnet.spawn(subnet.validatorArgs(db));
  const next = follower(validator.stdout);
  const winner = (await next(isJudged)).winner as Uid;
  await next(isAccepted);
  const loser = (await chain.metagraph(netuid)).neurons[winner]!.hotkey;
  expect((await chain.weights(netuid, 0)).uids).toContain(winner);

  // A miner's uid gets another hotkey.
  await replace(winner, "newcomer");
  const newcomer = hotkeyOf("newcomer");
  const { number: replacedAt } = await chain.head();
  await next((step) => isJudged(step) && (step.syncBlock as number) > replacedAt);
  await inStore(async (store) => {
    const rounds = await listRounds(store, { state: "finished" });
    const before = rounds.filter(({ sync_block }) => sync_block < replacedAt);
    expect(await hotkeysPaid(store, before.at(-1)!.id)).toContain(loser);
    const [averages, paid] = [await latestAverages(store, 1), await hotkeysPaid(store, rounds.at(-1)!.id)];
    for (const hotkeys of [averages!.map(({ hotkey }) => hotkey), paid]) {
      expect(hotkeys).not.toContain(newcomer);
      expect(hotkeys).not.toContain(loser);
    }
    const losses = store.db
      .selectFrom("evaluations")
      .innerJoin("contenders", "contenders.round_id", "evaluations.round_id");
    expect(await losses.where("contenders.hotkey", "=", newcomer).selectAll().execute()).toEqual([]);
  });
  await noWeightOn(winner);

  // The validator's own uid gets another hotkey.
  await replace(0, "usurper");
  const refused = await next(isRefused);
  expect(refused.detail).toMatch(/HotKeyNotRegisteredInSubNet: .*finetune register/);
  expect(await chain.weights(netuid, 0)).toMatchObject({ uids: [], values: [] });
  const kept = await inStore(async (store) => ({
    accepted: (await findSubmissions(store, "included")).length,
    refused: (await findSubmissions(store, "refused")).map(({ answer }) => JSON.parse(answer!).error),
  }));
  expect(kept.accepted).toBeGreaterThan(0);
  expect(new Set(kept.refused)).toEqual(new Set(["HotKeyNotRegisteredInSubNet"]));
  process.kill(-validator.pid, "SIGINT");
  await validator.exited;

  expect(await subnet.finetune(["rescore", "--db", db, "--verify"])).toMatchObject({ code: 0 });
  const { path, name, hotkey } = subnet.localnet.validatorWallet;
  const wallet = ["--wallet.path", path, "--wallet.name", name, "--wallet.hotkey", hotkey];
  const health = await subnet.finetune(["health", "--db", db, ...wallet]);
  expect(health).toMatchObject({ code: 1, out: expect.stringMatching(/BAD {2}registration: .*finetune register/) });
  const again = await subnet.finetune(subnet.validatorArgs(db));
  expect(again).toMatchObject({ code: 2, err: expect.stringMatching(/not registered in subnet.*\n.*--offline/s) });
}, 240_000);

async function hotkeysPaid(store: Store, roundId: number): Promise<readonly Hotkey[]> {
  return (await readVector(store, "subnet_weights", roundId)).map(({ hotkey }) => hotkey);
}

/** The chain's own row of the validator: the next that it sets leaves the uid out. */
async function noWeightOn(uid: Uid): Promise<void> {
  const { netuid } = subnet.localnet;
  const until = (await chain.head()).number + 2 * cadenceBlocks;
  for await (const { number } of chain.heads())
    if (!(await chain.weights(netuid, 0)).uids.includes(uid)) return;
    else if (number > until) throw new Error(`uid ${uid} still has weight`);
}
