/** A wall clock that is set while the program runs moves stamps alone: no deadline, no pause, no weights. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { connectChain } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { startFaultyLine } from "./faulty-line.ts";
import { documents, placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";
import { shiftedClock } from "./support/shifted-clock.ts";

const hourMs = 3_600_000;
const rounds = 2;
const cadenceBlocks = 24;
let subnet: TestSubnet;
let calm: string;

beforeAll(async () => {
  subnet = await startTestSubnet(["first", "second"], { commitReveal: true, immunityBlocks: 10_000 });
  for (const [index, miner] of ["first", "second"].entries()) await publishTiny(subnet, miner, BigInt(index));
  await placeRounds(subnet, { cadenceBlocks });
  calm = join(subnet.dir, "calm.sqlite");
}, 120_000);
afterAll(() => subnet.close());

type Document = Readonly<Record<string, unknown>>;

/** Runs a validator until so many rounds were judged and their weights accepted; everything that it said. */
async function validate(
  db: string,
  variables: Readonly<Record<string, string>>,
  heard: (document: Document) => Promise<void> | void,
  more: readonly string[] = [],
): Promise<Document[]> {
  const args = [...subnet.validatorArgs(db), "--cache", `${db}.cache`, ...more];
  const child = subnet.spawn(args, variables);
  const err = new Response(child.stderr).text();
  const said: Document[] = [];
  const count = (kind: string, outcome?: string) =>
    said.filter((document) => document.kind === kind && document.outcome === outcome).length;
  for await (const document of documents(child.stdout)) {
    said.push(document);
    await heard(document);
    if (count("judged") >= rounds && count("weights", "accepted") >= rounds) child.kill("SIGINT");
  }
  const code = await child.exited;
  expect({ code, err: code === 130 ? "" : await err }).toEqual({ code: 130, err: "" });
  return said;
}

const outcomesOf = (said: readonly Document[]) =>
  said.filter(({ kind, outcome }) => kind === "weights" && outcome !== "waiting").map(({ outcome }) => outcome);

test("hours forward and back at every step, with a hub that asks to wait: the rounds of a calm clock", async () => {
  const jumping = join(subnet.dir, "jumping.sqlite");
  const clock = shiftedClock(join(subnet.dir, "jumping.clock"));
  let jumps = 0;
  await subnet.hubFaults({ "http-429": 0.1, "http-500": 0.05 });
  const said = await validate(jumping, clock.variables, () => {
    // Further away every time, to either side.
    jumps += 1;
    clock.set((jumps % 2 === 0 ? -1 : 1) * jumps * 24 * hourMs);
  });
  await subnet.hubFaults();
  expect(said.filter(({ kind }) => kind === "interrupted" || kind === "failed" || kind === "abandoned")).toEqual([]);
  expect(outcomesOf(said)).toEqual(["accepted", "accepted"]);
  expect(await subnet.finetune(["rescore", "--db", jumping, "--verify"])).toMatchObject({ code: 0 });

  await subnet.finetune([...subnet.validatorArgs(calm), "--once", "--offline"]);
  const { out } = await subnet.finetune(["rounds", "diff", calm, jumping, "--json"]);
  const [round] = JSON.parse(out).rounds;
  expect(round).toMatchObject({ lossesDifferent: 0, sameSamples: true });
  expect(round.lossesCompared).toBeGreaterThan(0);
}, 180_000);

test("weights locked by a machine whose clock is a day ahead open when they should", async () => {
  await placeRounds(subnet, { cadenceBlocks });
  const clock = shiftedClock(join(subnet.dir, "ahead.clock"));
  clock.set(24 * hourMs);
  await validate(join(subnet.dir, "ahead.sqlite"), clock.variables, () => {});
  const chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  try {
    const { netuid } = subnet.localnet;
    const hotkey = keypairFromUri(subnet.localnet.validator).ss58Address;
    for await (const head of chain.heads()) {
      const metagraph = await chain.metagraph(netuid, head.hash);
      const { uid } = metagraph.neurons.find((neuron) => neuron.hotkey === hotkey)!;
      const row = await chain.weights(netuid, uid, { at: head.hash });
      if (row.uids.length > 0) break;
    }
  } finally {
    chain.close();
  }
}, 120_000);

test("a chain that is silent while the clock jumps is waited for as long as ever", async () => {
  await placeRounds(subnet, { cadenceBlocks });
  const clock = shiftedClock(join(subnet.dir, "silent.clock"));
  const line = await startFaultyLine(subnet.localnet.chainUrl);
  try {
    const said = await validate(
      join(subnet.dir, "silent.sqlite"),
      clock.variables,
      async ({ kind }) => {
        if (kind !== "round") return;
        line.set("silent");
        await Bun.sleep(300);
        clock.set(hourMs);
        line.set("cut");
        await Bun.sleep(300);
        line.set("sound");
      },
      ["--network", line.url],
    );
    expect(said.filter(({ kind }) => kind === "interrupted")).toEqual([]);
  } finally {
    line.close();
  }
}, 120_000);
