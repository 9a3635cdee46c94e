/** A round that was cut off after its draw asks what it drew, although its source says something else by then. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPages } from "../src/store/pages.ts";
import { listRounds } from "../src/store/rounds.ts";
import { listSampleSets } from "../src/store/samples.ts";
import { openStore } from "../src/store/store.ts";
import { documents, placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

let subnet: TestSubnet;
let questions: string;

beforeAll(async () => {
  subnet = await startTestSubnet(["first"]);
  await publishTiny(subnet, "first", 1n);
  questions = join(subnet.dir, "questions.jsonl");
  const source = { kind: "jsonl", path: questions, contextField: "q", referenceField: "a" } as const;
  await placeRounds(subnet, { tasks: (tasks) => tasks.map((task) => ({ ...task, source })) });
}, 120_000);
afterAll(() => subnet.close());

function writeQuestions(sum: (a: number) => number): void {
  const lines = Array.from({ length: 500 }, (_, a) => JSON.stringify({ q: `${a}+1=`, a: String(sum(a)) }));
  writeFileSync(questions, lines.join("\n"));
}

async function askedIn(db: string) {
  const store = await openStore({ path: db, mode: "read" });
  try {
    const [round] = await listRounds(store);
    const { id, state, reason, sample_digest: digest } = round!;
    const { length: sets } = await listSampleSets(store, id);
    return { state, reason, digest, sets, pages: await readPages(store, id) };
  } finally {
    await store.close();
  }
}

/** Kills the validator as soon as its draw is stored. */
async function killAfterDraw(db: string): Promise<void> {
  const child = subnet.spawn([...subnet.validatorArgs(db), "--once", "--offline"]);
  for await (const { kind } of documents(child.stdout)) if (kind === "drawn") child.kill("SIGKILL");
  await child.exited;
}

test("killed between the draw and the questions, it goes on with the same samples", async () => {
  writeQuestions((a) => a + 1);
  const calm = join(subnet.dir, "calm.sqlite");
  const calmly = await subnet.finetune([...subnet.validatorArgs(calm), "--once", "--offline"]);
  expect(calmly).toMatchObject({ code: 0 });
  const expected = await askedIn(calm);
  expect(expected).toMatchObject({ state: "finished", sets: 1 });
  // A later round that asks some of these texts finds their ids here.
  expect(readdirSync(join(subnet.dir, "cache", "token-ids"))).toHaveLength(1);

  for (const [name, spoil] of [
    ["gone", () => rmSync(questions)],
    ["changed", () => writeQuestions((a) => a + 2)],
  ] as const) {
    writeQuestions((a) => a + 1);
    const db = join(subnet.dir, `${name}.sqlite`);
    await killAfterDraw(db);
    expect(await askedIn(db)).toMatchObject({ state: "open", digest: null, sets: 0 });
    spoil();
    const { code, out } = await subnet.finetune([...subnet.validatorArgs(db), "--once", "--offline"]);
    expect(code).toBe(0);
    expect(out).toContain('"resumed":true');
    expect(await askedIn(db)).toEqual(expected);
  }
}, 120_000);

test("a draw that was damaged costs its round, with the reason", async () => {
  writeQuestions((a) => a + 1);
  const db = join(subnet.dir, "damaged.sqlite");
  await killAfterDraw(db);
  const store = await openStore({ path: db, mode: "write" });
  await store.db
    .updateTable("draw_parts")
    .set({ texts: Buffer.from("gone") })
    .execute();
  await store.close();
  expect(await subnet.finetune([...subnet.validatorArgs(db), "--once", "--offline"])).toMatchObject({ code: 0 });
  expect(await askedIn(db)).toMatchObject({
    state: "abandoned",
    reason: expect.stringContaining("the stored texts of ARITHMETIC cannot be read"),
  });
}, 120_000);

test("with no source at all the round waits for one, and then asks what it would have asked", async () => {
  rmSync(questions, { force: true });
  const db = join(subnet.dir, "outage.sqlite");
  const child = subnet.spawn([...subnet.validatorArgs(db), "--once", "--offline"]);
  let interruptions = 0;
  for await (const { kind } of documents(child.stdout)) {
    if (kind !== "interrupted") continue;
    interruptions += 1;
    if (interruptions === 1) expect(await askedIn(db)).toMatchObject({ state: "open", pages: [] });
    if (interruptions === 2) writeQuestions((a) => a + 1);
  }
  expect(await child.exited).toBe(0);
  expect(interruptions).toBeGreaterThanOrEqual(2);
  expect(await askedIn(db)).toEqual(await askedIn(join(subnet.dir, "calm.sqlite")));
}, 120_000);
