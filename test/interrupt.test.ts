/** Ctrl-C ends the program in every phase of its work, leaves no process behind, and the next start goes on. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../src/store/store.ts";
import { latestSubmission } from "../src/store/submissions.ts";
import { descendantsOf, survivors } from "./processes.ts";
import { documents, placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

/** What an end may take before it counts as a hang: far above the two seconds of a calm machine. */
const patienceMs = 20_000;
let subnet: TestSubnet;

beforeAll(async () => {
  subnet = await startTestSubnet(["miner"]);
  await publishTiny(subnet, "miner", 1n);
}, 120_000);
afterAll(() => subnet.close());

/** One round that begins `inBlocks` from now, of so many questions that measuring it takes seconds. */
function placeRound(inBlocks: number): Promise<void> {
  return placeRounds(subnet, { inBlocks, tasks: (tasks) => tasks.map((task) => ({ ...task, samples: 800 })) });
}

type Child = ReturnType<TestSubnet["spawn"]>;

/** Presses Ctrl-C as a terminal does, on the whole group, and waits; its exit code, or "hangs". */
async function pressCtrlC(child: Child): Promise<number | "hangs"> {
  process.kill(-child.pid, "SIGINT");
  return await Promise.race([child.exited, Bun.sleep(patienceMs).then(() => "hangs" as const)]);
}

/** Reads on to the end, and resolves at the first document that `wanted` accepts. */
function heard(child: Child, wanted: (document: Readonly<Record<string, unknown>>) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    (async () => {
      for await (const document of documents(child.stdout)) if (wanted(document)) resolve();
      reject(new Error(`ended before: ${await new Response(child.stderr).text()}`));
    })().catch(reject);
  });
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = performance.now() + patienceMs; !(await holds()); await Bun.sleep(20))
    if (performance.now() > end) throw new Error("it did not come to that");
}

async function submissionBegun(db: string): Promise<boolean> {
  const store = await openStore({ path: db, mode: "read" });
  try {
    return (await latestSubmission(store)) !== undefined;
  } finally {
    await store.close();
  }
}

describe("validate, at Ctrl-C", () => {
  /** Interrupts a validator when `reached` says so, then starts it again and lets it finish its round. */
  async function interruptAndGoOn(name: string, reached: (child: Child, db: string) => Promise<void>): Promise<void> {
    const db = join(subnet.dir, `${name}.sqlite`);
    const args = [...subnet.validatorArgs(db), "--cache", join(subnet.dir, `cache-${name}`)];
    const child = subnet.spawn(args);
    await reached(child, db);
    const started = descendantsOf(child.pid);
    expect(await pressCtrlC(child)).toBe(130);
    expect(await survivors(started, patienceMs)).toEqual([]);
    await subnet.hubFaults();
    const again = subnet.spawn(args);
    await heard(again, ({ kind, outcome }) => kind === "weights" && outcome === "accepted");
    expect(await pressCtrlC(again)).toBe(130);
    expect(await subnet.finetune(["rescore", "--db", db, "--verify"])).toMatchObject({ code: 0 });
    const events = await subnet.finetune(["history", "--db", db, "--json"]);
    expect(events.out).not.toContain("child-crashed");
  }

  test("waiting for the round", async () => {
    await placeRound(40);
    await interruptAndGoOn("waiting", (child) => heard(child, ({ kind }) => kind === "waiting"));
  }, 120_000);

  test("downloading", async () => {
    await placeRound(1);
    await subnet.hubFaults({ hang: 1 });
    await interruptAndGoOn("downloading", async (child) => {
      void heard(child, () => false).catch(() => {});
      const locks = join(subnet.dir, "cache-downloading", "models", "locks");
      await until(() => existsSync(locks) && readdirSync(locks).length > 0);
    });
  }, 120_000);

  test("measuring", async () => {
    await placeRound(1);
    await interruptAndGoOn("measuring", (child) => heard(child, ({ kind }) => kind === "measuring"));
  }, 120_000);

  test("submitting", async () => {
    await placeRound(1);
    await interruptAndGoOn("submitting", async (child, db) => {
      await heard(child, ({ kind }) => kind === "judged");
      await until(() => submissionBegun(db));
    });
  }, 120_000);
});

test("a validator that is killed takes the process of its model along", async () => {
  await placeRound(1);
  const child = subnet.spawn([...subnet.validatorArgs(join(subnet.dir, "killed.sqlite")), "--once"]);
  await heard(child, ({ kind }) => kind === "measuring");
  const started = descendantsOf(child.pid);
  expect(started.map(({ command }) => command)).toEqual([expect.stringContaining("worker")]);
  child.kill("SIGKILL");
  expect(await survivors(started, patienceMs)).toEqual([]);
}, 60_000);

describe("demo", () => {
  /** The chain, the hub and two trainings: what runs soon after the start. */
  const childrenMin = 4;

  // To the parent alone: that its children end is its own business. To all: as a terminal does.
  for (const [signal, to] of [
    ["SIGINT", "the parent"],
    ["SIGKILL", "the parent"],
    ["SIGINT", "all"],
  ] as const)
    test(`leaves no process behind after ${signal} to ${to}`, async () => {
      const child = subnet.spawn(["demo", "--dir", join(subnet.dir, `demo-${signal}-${to}`), "--json"]);
      await until(() => descendantsOf(child.pid).length >= childrenMin);
      const started = descendantsOf(child.pid);
      process.kill(to === "all" ? -child.pid : child.pid, signal);
      const code = await Promise.race([child.exited, Bun.sleep(patienceMs).then(() => "hangs")]);
      expect(code).toBe(signal === "SIGINT" ? 130 : 137);
      expect(await survivors(started, patienceMs)).toEqual([]);
      expect(await new Response(child.stderr).text()).not.toContain("ended");
    }, 60_000);
});

test("localnet up ends in order at Ctrl-C, although its parts hear of it too", async () => {
  for (let time = 0; time < 3; time++) {
    const child = subnet.spawn(["localnet", "up", "--dir", join(subnet.dir, "other"), "--json"]);
    await heard(child, ({ chain }) => chain !== undefined);
    expect(await pressCtrlC(child)).toBe(0);
    expect(await new Response(child.stderr).text()).toBe("");
  }
}, 60_000);
