/**
 * A hub that does a miner wrong for the whole of a round, in every way at once: each costs its miner this round, and the
 * other miners' losses, standings and weights are those of a subnet in which these miners do not contend.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { readContenders } from "../src/store/contenders.ts";
import { readStandings, readVector } from "../src/store/results.ts";
import { listRounds } from "../src/store/rounds.ts";
import { openStore } from "../src/store/store.ts";
import { placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

const honest = ["first", "second", "third"];
/** Whose repository fails how, and what the validator makes of it. */
const faults: Readonly<Record<string, { readonly fault: string; readonly reason: RegExp }>> = {
  missing: { fault: "http-404", reason: /^answer-malformed$/ },
  unauthorised: { fault: "http-401", reason: /^token-invalid$/ },
  limited: { fault: "http-429", reason: /^rate-limited$/ },
  broken: { fault: "http-500", reason: /^server-error$/ },
  half: { fault: "cut", reason: /^unreachable$/ },
  other: { fault: "wrong-bytes", reason: /^transfer-corrupt$/ },
  endless: { fault: "oversize", reason: /^transfer-corrupt$/ },
};
const unlucky = Object.keys(faults);
const miners = [...honest, ...unlucky];
let subnet: TestSubnet;

beforeAll(async () => {
  subnet = await startTestSubnet(miners, { immunityBlocks: 10_000 });
  for (const [index, miner] of miners.entries()) await publishTiny(subnet, miner, BigInt(index));
  await placeRounds(subnet);
}, 180_000);
afterAll(() => subnet.close());

/** One round with a state file and a cache of its own; its state file. */
async function validate(name: string): Promise<string> {
  const db = join(subnet.dir, `${name}.sqlite`);
  const cache = join(subnet.dir, `cache-${name}`);
  const { code, err } = await subnet.finetune([...subnet.validatorArgs(db), "--once", "--offline", "--cache", cache]);
  expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
  expect(await subnet.finetune(["rescore", "--db", db, "--verify"])).toMatchObject({ code: 0 });
  return db;
}

async function read(db: string) {
  const store = await openStore({ path: db, mode: "read" });
  try {
    const [round] = await listRounds(store, { state: "finished" });
    const names = new Map(miners.map((name) => [keypairFromUri(`//${name}//hotkey`).ss58Address, name]));
    const contenders = await readContenders(store, round!.id);
    const standings = (await readStandings(store, round!.id)).filter(({ outcome }) => outcome === "scored");
    return {
      outcomes: Object.fromEntries(
        contenders.map(({ hotkey, state, reason }) => [names.get(hotkey), { state, reason }]),
      ),
      standings: standings.map(({ round_id: _, ...standing }) => standing),
      weights: (await readVector(store, "subnet_weights", round!.id)).filter(({ weight }) => weight > 0),
    };
  } finally {
    await store.close();
  }
}

test("what the hub does to some miners is nothing to the others", async () => {
  const calm = await validate("calm");
  for (const [miner, { fault }] of Object.entries(faults)) await subnet.hubFaults({ [fault]: 1 }, `local/${miner}`);
  const faulty = await validate("faulty");
  await subnet.hubFaults();

  const { outcomes, standings, weights } = await read(faulty);
  const contends = Object.fromEntries(honest.map((miner) => [miner, { state: "contends", reason: null }]));
  const failed = Object.entries(faults).map(([miner, { reason }]) => [
    miner,
    { state: "failed", reason: expect.stringMatching(reason) },
  ]);
  expect(outcomes).toEqual({ ...contends, ...Object.fromEntries(failed) });
  const { out } = await subnet.finetune(["rounds", "diff", calm, faulty, "--json"]);
  const [round] = JSON.parse(out).rounds;
  expect(round).toMatchObject({ lossesDifferent: 0, sameSamples: true });
  expect(round.lossesCompared).toBeGreaterThan(0);

  // The same round, undisturbed, in a subnet whose miners have taken those models back.
  for (const miner of unlucky) {
    const body = JSON.stringify({ type: "model", name: miner, organization: "local" });
    const headers = { Authorization: `Bearer ${subnet.localnet.token}` };
    const answer = await fetch(`${subnet.localnet.hubUrl}/api/repos/delete`, { method: "DELETE", headers, body });
    expect(answer.status).toBe(200);
  }
  const without = await read(await validate("without"));
  expect({ standings, weights }).toEqual({ standings: without.standings, weights: without.weights });
  expect(standings).toHaveLength(honest.length);
  expect(weights.length).toBeGreaterThan(0);
}, 300_000);
