/** A validator of the local subnet draws from everything that the local data server serves, by the real program. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { builtInCompetitions } from "../src/competition/built-in.ts";
import type { Source, Task } from "../src/competition/competition.ts";
import { Language } from "../src/localnet/data/language.ts";
import { readPages } from "../src/store/pages.ts";
import { listRounds } from "../src/store/rounds.ts";
import { openStore } from "../src/store/store.ts";
import { placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

let subnet: TestSubnet;
let tasks: readonly Task[];

beforeAll(async () => {
  subnet = await startTestSubnet(["first"], { data: true });
  await publishTiny(subnet, "first", 1n);
  tasks = publicTasks(subnet.localnet.netuid);
  await placeRounds(subnet, { tasks: () => tasks });
}, 120_000);
afterAll(() => subnet.close());

/** One task of each kind of source that the public subnet ever had, as the local subnet has it. */
function publicTasks(netuid: number): readonly Task[] {
  const { words, tagger } = new Language(0).digests;
  const local = (source: Source): Source => {
    if (source.kind === "word-sorting") return { ...source, words };
    if (source.kind === "instructions") return { ...source, tagger };
    if (source.kind === "synthetic-mmlu") return { ...source, netuid, stakeTaoMin: 1, samplesMin: 1 };
    return source.kind === "cortex-stream" ? { ...source, netuid, stakeTaoMin: 1 } : source;
  };
  const all = (["sn37-launch", "sn37-latest"] as const).flatMap((name) =>
    builtInCompetitions(name).schedule.flatMap(({ competitions }) => competitions.flatMap((each) => each.tasks)),
  );
  const kinds = new Map(all.map((task) => [task.source.kind, task]));
  return [...kinds.values()].map((task) => ({
    ...task,
    weight: 1 / kinds.size,
    samples: 4,
    source: local(task.source),
  }));
}

async function drawnBy(db: string) {
  const store = await openStore({ path: db, mode: "read" });
  try {
    const [round] = await listRounds(store);
    const draws = await store.db.selectFrom("draws").select(["task", "state", "reason", "digest"]).execute();
    return { seed: round!.seed, draws, pages: await readPages(store, round!.id) };
  } finally {
    await store.close();
  }
}

test("two validators with caches of their own draw the same from every source", async () => {
  const url = subnet.localnet.dataUrl!;
  const run = async (name: string) => {
    const db = join(subnet.dir, `${name}.sqlite`);
    const { code, err } = await subnet.finetune([...subnet.validatorArgs(db), "--once", "--offline"], {
      FINETUNE_DATASETS: url,
      FINETUNE_WANDB: url,
      FINETUNE_LANGUAGE: url,
      FINETUNE_CACHE: join(subnet.dir, `cache-${name}`),
    });
    expect({ code, err }).toMatchObject({ code: 0 });
    return await drawnBy(db);
  };
  const first = await run("first");
  expect(first.draws.map(({ task, state, reason }) => ({ task, state, reason }))).toEqual(
    tasks.map(({ name }) => ({ task: name, state: "drawn", reason: null })),
  );
  expect(first.pages.length).toBeGreaterThanOrEqual(tasks.length);
  expect(first.pages.every(({ state }) => state === "used")).toBe(true);
  expect(await run("second")).toEqual(first);
}, 120_000);
