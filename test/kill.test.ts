/** A validator that is killed at random moments ends with the standings of one that is left alone. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { readEvaluations } from "../src/store/evaluations.ts";
import { readLosses } from "../src/store/losses.ts";
import { readStandings, readVector } from "../src/store/results.ts";
import { listRounds } from "../src/store/rounds.ts";
import { openStore } from "../src/store/store.ts";
import { placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

/** More of them by hand: `FINETUNE_TEST_KILLS=50 bun test test/kill.test.ts`. */
const kills = Number(process.env.FINETUNE_TEST_KILLS ?? 20);
/** A group of losses is stored when it is whole, so that a life may end before its first one or after several. */
const batchesPerKillMax = 2600;
/** The round must outlast the kills. */
const samplesPerKill = 700;
let subnet: TestSubnet;

beforeAll(async () => {
  subnet = await startTestSubnet(["first", "second", "third"]);
  for (const [index, miner] of ["first", "second", "third"].entries()) await publishTiny(subnet, miner, BigInt(index));
  // One round only, long enough that most kills fall into the middle of an evaluation.
  await placeRounds(subnet, {
    tasks: (tasks) => tasks.map((task) => ({ ...task, samples: samplesPerKill * kills })),
  });
}, 120_000);
afterAll(() => subnet.close());

async function resultsOf(db: string) {
  const store = await openStore({ path: db, mode: "read" });
  try {
    const [round] = await listRounds(store, { state: "finished" });
    const evaluations = await readEvaluations(store, round!.id);
    return {
      digest: round!.sample_digest,
      standings: await readStandings(store, round!.id),
      averages: await readVector(store, "averages", round!.id),
      losses: await Promise.all(
        evaluations.map(async ({ id, state, reason, detail }) => [
          state,
          reason,
          detail,
          [...(await readLosses(store, id))],
        ]),
      ),
    };
  } finally {
    await store.close();
  }
}

async function storedLosses(db: string): Promise<number> {
  const store = await openStore({ path: db, mode: "read" }).catch(() => undefined);
  if (store === undefined) return 0;
  try {
    const { count } = await store.db
      .selectFrom("losses")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    return count;
  } finally {
    await store.close();
  }
}

/** Resolves when the validator has said so many times that it measured a batch. */
async function measured(stdout: ReadableStream<Uint8Array>, batches: number): Promise<void> {
  const decoder = new TextDecoder();
  let said = "";
  let left = batches;
  for await (const bytes of stdout) {
    const lines = (said + decoder.decode(bytes, { stream: true })).split("\n");
    said = lines.pop()!;
    left -= lines.filter((line) => line.includes('"measuring"')).length;
    if (left <= 0) return;
  }
}

test("killed again and again, it loses no stored loss and ends like an undisturbed run", async () => {
  const calm = join(subnet.dir, "calm.sqlite");
  const db = join(subnet.dir, "killed.sqlite");
  const undisturbed = await subnet.finetune([...subnet.validatorArgs(calm), "--once"]);
  expect({ code: undisturbed.code, err: undisturbed.code === 0 ? "" : undisturbed.err }).toEqual({ code: 0, err: "" });

  let killed = 0;
  let stored = 0;
  let seed = 12345;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  for (;;) {
    const child = subnet.spawn([...subnet.validatorArgs(db), "--once"]);
    // Some kills fall into the start, most into the measuring, wherever a slow machine has got to by then.
    const moment =
      killed >= kills
        ? new Promise<void>(() => {})
        : killed % 4 === 0
          ? Bun.sleep(random() * 1000)
          : measured(child.stdout, 1 + Math.floor(random() * batchesPerKillMax));
    const ended = await Promise.race([child.exited.then(() => true), moment.then(() => false)]);
    if (ended) {
      const said = await new Response(child.stderr).text();
      expect({ code: child.exitCode, said }).toMatchObject({ code: 0 });
      break;
    }
    child.kill("SIGKILL");
    await child.exited;
    killed += 1;
    const now = await storedLosses(db);
    expect(now).toBeGreaterThanOrEqual(stored);
    stored = now;
  }
  expect(await resultsOf(db)).toEqual(await resultsOf(calm));
  expect(killed).toBe(kills);
  expect(stored).toBeGreaterThan(0);
  const verified = await subnet.finetune(["rescore", "--db", db, "--verify"]);
  expect(verified).toMatchObject({ code: 0 });
}, 600_000);
