/** `finetune mine publish` on a real local subnet: killed after every step, refused in every way, and still published once. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type ChainClient, connectChain, type Pending } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { startHub } from "../src/localnet/hub/server.ts";
import { documents, startTestSubnet, type TestSubnet } from "./subnet.ts";

const miners = ["killed", "refused", "rivalled", "full"] as const;
type Miner = (typeof miners)[number];
const patienceMs = 60_000;

let subnet: TestSubnet;
let chain: ChainClient;
let models = 0;

beforeAll(async () => {
  subnet = await startTestSubnet(miners, { hubAccounts: ["rival"], blockMs: 120 });
  chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
}, 120_000);
afterAll(async () => {
  chain?.close();
  await subnet?.close();
});

/** A model that nobody has: the hub keeps equal bytes once. */
async function newModel(): Promise<string> {
  models += 1;
  const folder = join(subnet.dir, `model-${models}`);
  await writeBaseModel(folder, BigInt(models));
  return folder;
}

interface Plan {
  readonly miner: Miner;
  readonly folder: string;
  readonly repo: string;
  readonly more?: readonly string[];
}

function publishArgs({ miner, folder, repo, more = [] }: Plan): string[] {
  return [
    ...["mine", "publish", folder, "--repo", repo, "--competition", "1", "--json"],
    ...["--uri", `//${miner}//hotkey`, "--db", join(subnet.dir, `${miner}.sqlite`), ...more],
  ];
}

const publish = (plan: Plan) => subnet.finetune(publishArgs(plan));
const hotkeyOf = (miner: Miner) => keypairFromUri(`//${miner}//hotkey`);

async function commitmentOf(miner: Miner) {
  const all = await chain.commitments(subnet.localnet.netuid);
  const found = all.find(({ hotkey }) => hotkey === hotkeyOf(miner).ss58Address);
  return found && { block: found.block, text: new TextDecoder().decode(found.data) };
}

/** What a stranger gets of a repository; 401 while it is private. */
async function strangerSees(repo: string): Promise<number> {
  return (await fetch(`${subnet.localnet.hubUrl}/api/models/${repo}`)).status;
}

async function uploadsOf(repo: string): Promise<string[]> {
  const headers = { Authorization: `Bearer ${subnet.localnet.token}` };
  const answer = await fetch(`${subnet.localnet.hubUrl}/api/models/${repo}/commits/main`, { headers });
  return ((await answer.json()) as { title: string }[]).map(({ title }) => title).filter((t) => t.startsWith("Upload"));
}

async function commit(miner: Miner, text: string): Promise<void> {
  const data = new TextEncoder().encode(text);
  const done = await chain.setCommitment({ netuid: subnet.localnet.netuid, data, signer: hotkeyOf(miner) });
  expect(done).toMatchObject({ kind: "finalised" });
}

test(
  "killed after every step and in the midst of two, it is published once",
  async () => {
    const plan: Plan = { miner: "killed", folder: await newModel(), repo: "local/killed" };
    const key = (line: Readonly<Record<string, unknown>>) => String(line.kind === "step" ? line.name : line.kind);
    const moments = ["checked", "created", "uploading", "uploaded", "verified", "committing", "committed", "public"];
    const signed: Pending[] = [];
    for (const moment of moments) {
      const child = subnet.spawn(publishArgs(plan));
      for await (const line of documents(child.stdout)) {
        if (line.kind === "committing") signed.push(line as unknown as Pending);
        if (line.resumed || key(line) !== moment) continue;
        child.kill("SIGKILL");
        if (["checked", "created", "uploading", "uploaded", "verified", "committing"].includes(moment))
          expect(await strangerSees(plan.repo)).toBe(401);
      }
      await child.exited;
      const err = await new Response(child.stderr).text();
      expect({ moment, signal: child.signalCode, err }).toMatchObject({ moment, signal: "SIGKILL" });
    }
    const last = await publish(plan);
    expect(last).toMatchObject({ code: 0 });
    const lines = last.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ kind }) => kind === "uploading" || kind === "committing")).toEqual([]);
    expect(lines.at(-1)).toMatchObject({ kind: "published", repo: plan.repo });
    expect(await uploadsOf(plan.repo)).toEqual(["Upload tokenizer", "Upload model"]);
    // One that was signed and killed before it left is known to have expired; only one ever took effect.
    const fates = await Promise.all(signed.map((pending) => chain.fate(pending)));
    expect(fates.filter(({ kind }) => kind === "finalised")).toHaveLength(1);
    expect(await commitmentOf("killed")).toEqual({ block: lines.at(-1).block, text: lines.at(-1).commitment });
    expect(await strangerSees(plan.repo)).toBe(200);
  },
  patienceMs,
);

describe("refused with a sentence and a way out", () => {
  const hotkey = "refused" as const;

  test.each([
    ["a wrong token", { more: ["--token", "hf_wrong"] }, 2, /token/i, /HF_TOKEN/],
    ["another owner's namespace", { repo: "rival/model" }, 2, /rights/, /another --repo/],
    ["a name too long", { repo: `local/${"n".repeat(60)}` }, 2, /has 66 characters/, /another --repo/],
    ["a competition that nobody runs", { more: ["--competition", "77"] }, 2, /does not run/, /--competitions/],
    ["a hub that is not there", { more: ["--hub", "http://127.0.0.1:9"] }, 1, /hub does not answer/, /Run this again/],
    ["a chain that is not there", { more: ["--network", "ws://127.0.0.1:9"] }, 2, /127.0.0.1:9/, /./],
  ] as const)(
    "%s",
    async (_, change, code, what, way) => {
      const folder = await newModel();
      const done = await publish({ miner: hotkey, folder, repo: "local/refused", ...change });
      expect(done).toMatchObject({ code });
      expect(done.err).toMatch(what);
      expect(done.err).toMatch(way);
      expect(done.err).not.toMatch(/\n\s+at /);
      expect(await commitmentOf(hotkey)).toBeUndefined();
    },
    patienceMs,
  );

  test(
    "a repository that is public, a model without parameters, a hotkey that is not registered",
    async () => {
      const folder = await newModel();
      const headers = { Authorization: `Bearer ${subnet.localnet.token}`, "Content-Type": "application/json" };
      const body = JSON.stringify({ type: "model", organization: "local", name: "public", private: false });
      await fetch(`${subnet.localnet.hubUrl}/api/repos/create`, { method: "POST", headers, body });
      const open = await publish({ miner: hotkey, folder, repo: "local/public" });
      expect(open).toMatchObject({ code: 2, err: expect.stringContaining("there already, and public") });
      expect(await uploadsOf("local/public")).toEqual([]);
      const stranger = await publish({ miner: hotkey, folder, repo: "local/new", more: ["--uri", "//Nobody"] });
      expect(stranger).toMatchObject({ code: 2, err: expect.stringContaining("is not registered in subnet") });
      rmSync(join(folder, "model.safetensors"));
      const empty = await publish({ miner: hotkey, folder, repo: "local/empty" });
      expect(empty).toMatchObject({ code: 2, err: expect.stringContaining("Validators would not admit") });
      expect(await strangerSees("local/empty")).toBe(401);
    },
    patienceMs,
  );
});

test(
  "another machine's commitment is not overwritten unasked; the next run goes on",
  async () => {
    const plan: Plan = { miner: "rivalled", folder: await newModel(), repo: "local/rivalled" };
    const child = subnet.spawn(publishArgs(plan));
    for await (const line of documents(child.stdout)) if (line.name === "uploaded") child.kill("SIGKILL");
    await child.exited;
    await commit("rivalled", "another machine's");
    const refused = await publish(plan);
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("Something else committed with hotkey") });
    expect(await commitmentOf("rivalled")).toMatchObject({ text: "another machine's" });
    expect(await strangerSees(plan.repo)).toBe(401);
    expect(await publish(plan)).toMatchObject({ code: 0 });
    expect(await uploadsOf(plan.repo)).toEqual(["Upload tokenizer", "Upload model"]);
    const status = await subnet.finetune(["mine", "status", "--json", "--uri", "//rivalled//hotkey"]);
    expect(status).toMatchObject({ code: 0 });
    const { block } = (await commitmentOf("rivalled"))!;
    expect(JSON.parse(status.out)).toMatchObject({
      commitment: { kind: "model", repo: plan.repo, competitionId: 1, block },
      repository: { kind: "as-committed" },
      evaluation: { kind: "from-block", fromBlock: block },
    });
    await commit("rivalled", "not a model");
    const lost = await subnet.finetune(["mine", "status", "--json", "--uri", "//rivalled//hotkey"]);
    expect(lost).toMatchObject({ code: 1 });
    expect(JSON.parse(lost.out)).toMatchObject({ commitment: { kind: "unreadable" }, evaluation: { kind: "never" } });
  },
  patienceMs,
);

test(
  "an upload that is cut, and an account that is full, go on where they stopped",
  async () => {
    const folder = await newModel();
    const start = (quotaBytes: number) =>
      startHub({
        folder: join(subnet.dir, "small-hub"),
        accounts: [{ name: "local" }],
        regularBytesMax: 1000,
        partBytes: 20_000,
        quotaBytes,
        faults: { "cut-upload": 0.1 },
        seed: 7,
      });
    const plan = (url: string, token: string): Plan => ({
      miner: "full",
      folder,
      repo: "local/full",
      more: ["--hub", url, "--token", token],
    });
    const small = await start(50_000);
    const full = await publish(plan(small.url, small.accounts[0]!.token));
    await small.close();
    expect(full).toMatchObject({ code: 2, err: expect.stringContaining("Free space in the hub's account") });
    expect(await commitmentOf("full")).toBeUndefined();
    const large = await start(50_000_000);
    // A commit whose answer is cut may have happened and is never sent blindly again: the next run looks.
    let last = await publish(plan(large.url, large.accounts[0]!.token));
    for (let runs = 1; last.code === 1 && runs < 5; runs++)
      last = await publish(plan(large.url, large.accounts[0]!.token));
    const { status } = await fetch(`${large.url}/api/models/local/full`);
    await large.close();
    expect(last).toMatchObject({ code: 0 });
    expect(status).toBe(200);
  },
  patienceMs,
);

test(
  "an epoch's space for commitments that is used up is waited for",
  async () => {
    // Epochs long enough that this one does not end before the publication comes to its commitment.
    const crowded = await startTestSubnet(["crowded"], { blockMs: 120, tempoBlocks: 130 });
    const { chainUrl, netuid } = crowded.localnet;
    const line = await connectChain({ endpoints: [chainUrl] });
    try {
      const folder = join(crowded.dir, "model");
      await writeBaseModel(folder, 1n);
      const [data, signer] = [new Uint8Array(512), keypairFromUri("//crowded//hotkey")];
      let filling = await line.setCommitment({ netuid, data, signer });
      while (filling.kind === "finalised") filling = await line.setCommitment({ netuid, data, signer });
      expect(filling).toMatchObject({ kind: "refused", error: "SpaceLimitExceeded" });
      const done = await crowded.finetune([
        ...["mine", "publish", folder, "--repo", "local/crowded", "--competition", "1", "--json"],
        ...["--uri", "//crowded//hotkey", "--db", join(crowded.dir, "crowded.sqlite")],
      ]);
      expect(done).toMatchObject({ code: 0, out: expect.stringContaining('"reason":"SpaceLimitExceeded"') });
    } finally {
      line.close();
      await crowded.close();
    }
  },
  patienceMs,
);
