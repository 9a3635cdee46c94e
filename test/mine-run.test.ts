/** `finetune mine run` on a real local subnet: killed at every step, interrupted, and never worse than what it has committed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ChainClient, connectChain } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { contestOf } from "../src/cli/mine-contest.ts";
import { trainingArgs, trainingOptionsOf } from "../src/cli/training-args.ts";
import type { CompetitionFile } from "../src/competition/competition.ts";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { runMiner } from "../src/miner/run.ts";
import type { RunEvent } from "../src/miner/run-options.ts";
import { openStore } from "../src/store/store.ts";
import { startFaultyLine } from "./faulty-line.ts";
import { documents, publishTiny, startTestSubnet, type TestSubnet, writeCompetitions } from "./subnet.ts";

const patienceMs = 120_000;
let subnet: TestSubnet;
let chain: ChainClient;
let base: string;

beforeAll(async () => {
  subnet = await startTestSubnet(
    ["rival", "runner", "killed", "proud", "calm", "torn", "drawer", "patient", "unread"],
    {
      blockMs: 120,
    },
  );
  chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  base = join(subnet.dir, "base");
  await writeBaseModel(base, 1n);
  await publishTiny(subnet, "rival", 9n);
}, patienceMs);
afterAll(async () => {
  chain?.close();
  await subnet?.close();
});

function runArgs(miner: string, ...more: readonly string[]): string[] {
  return [
    ...["mine", "run", "--base", base, "--out", join(subnet.dir, `turns-${miner}`), "--repo", `local/${miner}`],
    ...["--competition", "1", "--competitions", "demo", "--json", "--threads", "1"],
    ...["--batch", "16", "--steps", "60", "--checkpoint-every", "5", "--lr", "3e-3"],
    ...["--uri", `//${miner}//hotkey`, "--db", join(subnet.dir, `${miner}.sqlite`), ...more],
  ];
}

/** What citty makes of no flag at all. */
const trainingFlags = Object.fromEntries(
  Object.entries(trainingArgs).flatMap(([flag, arg]) => ("default" in arg ? [[flag, arg.default]] : [])),
) as unknown as Parameters<typeof trainingOptionsOf>[0];

type Line = Readonly<Record<string, unknown>>;

const linesOf = (out: string): Line[] =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

async function commitmentOf(miner: string) {
  const { ss58Address } = keypairFromUri(`//${miner}//hotkey`);
  const all = await chain.commitments(subnet.localnet.netuid);
  const found = all.find(({ hotkey }) => hotkey === ss58Address);
  return found && { block: found.block, text: new TextDecoder().decode(found.data) };
}

async function strangerSees(repo: string): Promise<number> {
  return (await fetch(`${subnet.localnet.hubUrl}/api/models/${repo}`)).status;
}

test(
  "every turn trains on from the best so far, and what is worth it is published",
  async () => {
    // So few steps that the second turn has much to better, whichever questions are drawn.
    const args = runArgs("runner", "--turns", "2", "--steps", "20", "--warmup", "5");
    const { code, out, err } = await subnet.finetune(args);
    expect({ code, err }).toMatchObject({ code: 0 });
    const lines = linesOf(out);
    const [first, second] = lines.filter(({ kind }) => kind === "turn");
    expect(first).toMatchObject({ turn: 1, base });
    expect(second).toMatchObject({ turn: 2, base: join(subnet.dir, "turns-runner", "turn-1") });
    const published = lines.filter(({ kind }) => kind === "published");
    expect(published.map(({ repo }) => repo)).toEqual(["local/runner-1", "local/runner-2"]);
    const [, checked] = lines.filter(({ kind }) => kind === "checked");
    // The second had to be better than the first, which it has replaced.
    expect(checked).toMatchObject({ best: 2, report: { verdict: "publish", replaced: { name: "local/runner-1" } } });
    expect(await commitmentOf("runner")).toMatchObject({ text: published[1]!.commitment });
    expect(await strangerSees("local/runner-2")).toBe(200);
  },
  patienceMs,
);

test(
  "killed at every step, a turn is done once",
  async () => {
    const moments: Readonly<Record<string, (line: Line) => boolean>> = {
      turn: ({ kind }) => kind === "turn",
      training: ({ kind, event }) => kind === "training" && (event as Line).step === 23,
      trained: ({ kind }) => kind === "trained",
      measuring: ({ kind }) => kind === "measuring",
      checked: ({ kind }) => kind === "checked",
      uploaded: ({ kind, step }) => kind === "publishing" && (step as Line).name === "uploaded",
      committing: ({ kind, progress }) => kind === "progress" && (progress as Line).kind === "committing",
      committed: ({ kind, step }) => kind === "publishing" && (step as Line).name === "committed",
    };
    // Nobody is paid yet, so that the earliest is the one rival: another test's later model is none.
    const args = runArgs("killed", "--turns", "1", "--rivals", "1");
    const seen: Line[] = [];
    for (const [moment, isReached] of Object.entries(moments)) {
      const child = subnet.spawn(args);
      for await (const line of documents(child.stdout)) {
        seen.push(line);
        if (isReached(line)) child.kill("SIGKILL");
      }
      await child.exited;
      const err = await new Response(child.stderr).text();
      expect({ moment, signal: child.signalCode, err }).toMatchObject({ moment, signal: "SIGKILL" });
    }
    const last = await subnet.finetune(args);
    expect(last).toMatchObject({ code: 0 });
    seen.push(...linesOf(last.out));
    expect(new Set(seen.filter(({ kind }) => kind === "turn").map(({ turn }) => turn))).toEqual(new Set([1]));
    // What was trained when it was killed lost at most an interval of five steps.
    const steps = seen.flatMap(({ kind, event }) =>
      kind === "training" && (event as Line).kind === "step" ? [Number((event as Line).step)] : [],
    );
    expect(steps.length).toBeLessThanOrEqual(60 + 2 * 5);
    expect(await commitmentOf("killed")).toMatchObject({ text: seen.at(-1)!.commitment });
    expect(await strangerSees("local/killed-1")).toBe(200);
    expect(await strangerSees("local/killed-2")).toBe(401);
  },
  patienceMs,
);

test(
  "what it has committed is never replaced by something worse",
  async () => {
    const good = join(subnet.dir, "good");
    const training = [
      "--base",
      base,
      "--out",
      good,
      "--steps",
      "100",
      "--batch",
      "16",
      "--lr",
      "3e-3",
      "--threads",
      "1",
    ];
    expect(await subnet.finetune(["mine", "train", ...training])).toMatchObject({ code: 0 });
    const publishing = [
      "mine",
      "publish",
      good,
      "--repo",
      "local/good",
      "--competition",
      "1",
      "--competitions",
      "demo",
    ];
    const as = ["--uri", "//proud//hotkey", "--db", join(subnet.dir, "proud.sqlite")];
    expect(await subnet.finetune([...publishing, ...as])).toMatchObject({ code: 0 });
    const before = await commitmentOf("proud");
    // Without rivals only its own stands in the way.
    const few = ["--turns", "1", "--steps", "20", "--warmup", "5", "--rivals", "0"];
    const { code, out } = await subnet.finetune(runArgs("proud", ...few));
    expect(code).toBe(0);
    const checked = linesOf(out).find(({ kind }) => kind === "checked");
    expect(checked).toMatchObject({
      best: 1,
      report: { verdict: "not-yet", rivals: [], replaced: { name: "local/good", probability: 0 } },
    });
    expect(await commitmentOf("proud")).toEqual(before!);
    expect(await strangerSees("local/proud-1")).toBe(401);
    // A turn that makes it worse is set aside: the next goes on from the best.
    const wrong = join(subnet.dir, "wrong.jsonl");
    const sums = Array.from({ length: 40 }, (_, index) => ({ prompt: `${index}+1=`, completion: "z" }));
    writeFileSync(wrong, sums.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const worse = await subnet.finetune(runArgs("proud", "--turns", "2", "--data", wrong, "--warmup", "5"));
    expect(worse.code).toBe(0);
    const lines = linesOf(worse.out);
    expect(lines.filter(({ kind }) => kind === "checked")).toMatchObject([{ best: 1 }, { best: 1 }]);
    expect(lines.findLast(({ kind }) => kind === "turn")).toMatchObject({
      turn: 3,
      base: join(subnet.dir, "turns-proud", "turn-1"),
    });
    expect(readdirSync(join(subnet.dir, "turns-proud")).sort()).toEqual(["turn-1", "turn-3"]);
  },
  patienceMs,
);

test(
  "Ctrl-C ends it cleanly, and the same line goes on",
  async () => {
    const child = subnet.spawn(runArgs("calm", "--steps", "100000"));
    let last = 0;
    for await (const { kind, event } of documents(child.stdout)) {
      if (kind !== "training" || (event as Line).kind !== "step") continue;
      last = Number((event as Line).step);
      if (last === 12) process.kill(-child.pid, "SIGINT");
    }
    expect(await child.exited).toBe(130);
    expect(await new Response(child.stderr).text()).toBe("");
    const next = subnet.spawn(runArgs("calm", "--steps", "100000"));
    for await (const { kind, event } of documents(next.stdout)) {
      if (kind !== "training" || (event as Line).kind !== "step") continue;
      expect((event as Line).step).toBe(last + 1);
      next.kill("SIGKILL");
    }
    await next.exited;
    expect(existsSync(join(subnet.dir, "turns-calm", "turn-1.checkpoint.safetensors"))).toBe(true);
  },
  patienceMs,
);

test(
  "samples are drawn from the competition's own sources, for every turn anew",
  async () => {
    const pool = join(subnet.dir, "pool.jsonl");
    const rows = Array.from({ length: 60 }, (_, index) => ({ q: `${index} + 1 = `, a: String(index + 1) }));
    writeFileSync(pool, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    writeCompetitions(subnet, (file) => withSource(file, pool));
    const competitions = ["--competitions", join(subnet.dir, "competitions.json")];
    const args = runArgs("drawer", "--turns", "2", "--steps", "2", ...competitions);
    const { code, out, err } = await subnet.finetune(args);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(linesOf(out).filter(({ kind }) => kind === "drawn")).toMatchObject([{ samples: 20 }, { samples: 20 }]);
    const drawn = readFileSync(join(subnet.dir, "turns-drawer", "turn-2.jsonl"), "utf8")
      .trim()
      .split("\n");
    expect(JSON.parse(drawn[0]!)).toEqual({
      prompt: expect.stringMatching(/^\d+ \+ 1 = $/),
      completion: expect.any(String),
    });
  },
  patienceMs,
);

function withSource(file: CompetitionFile, path: string): CompetitionFile {
  const source = { kind: "jsonl", path, contextField: "q", referenceField: "a" } as const;
  const schedule = file.schedule.map((period) => ({
    ...period,
    competitions: period.competitions.map((competition) => ({
      ...competition,
      tasks: competition.tasks.map((task) => ({ ...task, samples: 20, source })),
    })),
  }));
  return { ...file, schedule };
}

test(
  "an outage after the training is waited out",
  async () => {
    const line = await startFaultyLine(subnet.localnet.chainUrl);
    const store = await openStore({ path: join(subnet.dir, "patient.sqlite"), mode: "write", create: true });
    const { hubUrl: hub, token, netuid } = subnet.localnet;
    const flags = { competition: "1", competitions: "demo", rivals: "1", "disk-max": "1", threads: "1" };
    const { signal } = new AbortController();
    const events: RunEvent[] = [];
    try {
      await runMiner({
        store,
        base,
        signal,
        turns: 1,
        source: null,
        repo: "local/patient",
        signer: keypairFromUri("//patient//hotkey"),
        connect: () => connectChain({ endpoints: [line.url], signal, deadlines: { connectRounds: 1, backoffMs: 10 } }),
        contest: await contestOf({ ...flags, hub, token, netuid: String(netuid), cache: join(subnet.dir, "cache-2") }),
        training: trainingOptionsOf({ ...trainingFlags, steps: "20", batch: "8", lr: "3e-3" }),
        out: join(subnet.dir, "turns-patient"),
        workFolder: join(subnet.dir, "publish-patient"),
        retries: { attemptsMax: 4, secondsFirst: 0.1 },
        onEvent(event) {
          events.push(event);
          if (event.kind === "trained") line.set("cut");
          if (event.kind === "retrying") line.set("sound");
        },
      });
    } finally {
      await store.close();
      line.close();
    }
    expect(events.filter(({ kind }) => kind === "retrying").length).toBeGreaterThanOrEqual(1);
    expect(events.findLast(({ kind }) => kind === "checked")).toMatchObject({ turn: 1 });
  },
  patienceMs,
);

test(
  "whose reader goes away it goes on, and publishes what is worth it",
  async () => {
    // The first document is read, then the pipe is closed.
    const script = '{ "$@"; echo $? > unread.code; } | head -n 1';
    const args = runArgs("unread", "--turns", "1", "--steps", "20", "--warmup", "5", "--rivals", "0");
    const { err } = await subnet.shell(script, args);
    const code = readFileSync(join(subnet.dir, "unread.code"), "utf8").trim();
    expect({ code, err }).toEqual({ code: "0", err: expect.stringContaining("standard output is lost") });
    expect(await strangerSees("local/unread-1")).toBe(200);
  },
  patienceMs,
);

describe("what cannot work is said before any training", () => {
  test.each([
    ["a base that is not there", ["--base", "nowhere"], /nowhere cannot be trained/],
    ["data that are not there", ["--data", "nowhere.jsonl"], /There is no nowhere\.jsonl/],
    ["a hotkey that is not registered", ["--uri", "//Nobody"], /not registered in subnet/],
    ["a name too long for a commitment", ["--repo", `local/${"n".repeat(35)}`], /characters/],
    ["a competition that nobody runs", ["--competition", "77"], /does not run/],
    ["a chain that is not there", ["--network", "ws://127.0.0.1:9"], /127.0.0.1:9/],
  ] as const)(
    "%s",
    async (_, more, said) => {
      const { code, out, err } = await subnet.finetune(runArgs("torn", "--turns", "1", ...more));
      expect({ code, out, err }).toMatchObject({ code: 2, out: "", err: expect.stringMatching(said) });
    },
    patienceMs,
  );

  test(
    "another competition's commitment, another base or another run in the same folder",
    async () => {
      const others = runArgs("torn", "--turns", "1", "--out", join(subnet.dir, "turns-runner"));
      expect(await subnet.finetune(others)).toMatchObject({
        code: 2,
        err: expect.stringContaining("holds the turns of another run"),
      });
      const other = runArgs("runner", "--turns", "1", "--base", join(subnet.dir, "model-rival"));
      expect(await subnet.finetune(other)).toMatchObject({ code: 2, err: expect.stringContaining("another --out") });
      const { netuid } = subnet.localnet;
      const signer = keypairFromUri("//torn//hotkey");
      const text = (await commitmentOf("runner"))!.text.replace(/:1$/, ":2");
      const data = new TextEncoder().encode(text);
      expect(await chain.setCommitment({ netuid, data, signer })).toMatchObject({ kind: "finalised" });
      const done = await subnet.finetune(runArgs("torn", "--turns", "1"));
      expect(done).toMatchObject({ code: 2, err: expect.stringContaining("to competition 2, which") });
    },
    patienceMs,
  );
});
