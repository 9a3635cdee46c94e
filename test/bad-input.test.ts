/**
 * What the outside world and the operator do wrong, against the real program: each costs one sentence or one miner's
 * part in a round, never what is stored and never another miner's score.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { connectChain } from "../src/chain/client.ts";
import { concealPassword, passwordVariables } from "../src/chain/keyfile-password.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { keyfilePath } from "../src/chain/wallet.ts";
import { startChain } from "../src/localnet/chain/server.ts";
import { readChain } from "../src/store/chain.ts";
import { readContenders } from "../src/store/contenders.ts";
import { listRounds } from "../src/store/rounds.ts";
import { openStore } from "../src/store/store.ts";
import { startFaultyLine } from "./faulty-line.ts";
import { documents, type Finished, placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

const honest = ["first", "second"];
const unlucky = ["gone", "hidden", "tampered"];
const revision = "0123456789abcdef0123456789abcdef01234567";
const hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
/** By the miner who commits it: what it is refused for. */
const garbage: Readonly<Record<string, { readonly data: string | Uint8Array; readonly reason: string }>> = {
  bytes: { data: Uint8Array.from([0xff, 0xfe, 0, 0x80]), reason: "not-utf8" },
  fields: { data: `local:model:${revision}:${hash}`, reason: "wrong-field-count" },
  // Cyrillic letters that look like Latin ones.
  lookalike: { data: `lосal:first:${revision}:${hash}:1`, reason: "bad-repository" },
  escape: { data: `local:..:${revision}:${hash}:1`, reason: "bad-repository" },
  digits: { data: `local:first:${revision}:${hash}:\u0661`, reason: "bad-competition" },
  control: { data: `local:first:\u001b[2J${revision.slice(4)}:${hash}:1`, reason: "bad-revision" },
};

let subnet: TestSubnet;
let calm: string;

beforeAll(async () => {
  const miners = [...honest, ...unlucky, ...Object.keys(garbage)];
  subnet = await startTestSubnet(miners, { immunityBlocks: 10_000 });
  for (const [index, miner] of [...honest, ...unlucky].entries()) await publishTiny(subnet, miner, BigInt(index));
  const chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  const { netuid } = subnet.localnet;
  for (const [miner, { data }] of Object.entries(garbage)) {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const signer = keypairFromUri(`//${miner}//hotkey`);
    expect(await chain.setCommitment({ netuid, data: bytes, signer })).toMatchObject({ kind: "finalised" });
  }
  chain.close();
  await placeRounds(subnet);
  calm = stateFile("calm");
  expect(await validate("calm")).toMatchObject({ code: 0 });
}, 180_000);
afterAll(() => subnet.close());

const stateFile = (name: string) => join(subnet.dir, `${name}.sqlite`);

/** One round without weights, with a state file and a cache of its own. */
function roundArgs(name: string): string[] {
  const cache = join(subnet.dir, `cache-${name}`);
  return [...subnet.validatorArgs(stateFile(name)), "--once", "--offline", "--cache", cache];
}

function validate(name: string, more: readonly string[] = []): Promise<Finished> {
  return subnet.finetune([...roundArgs(name), ...more]);
}

/** Who took part in the round, and what became of each: `contends`, or the reason why not. */
async function outcomes(name: string): Promise<Readonly<Record<string, string>>> {
  const store = await openStore({ path: stateFile(name), mode: "read" });
  try {
    const [round] = await listRounds(store, { state: "finished" });
    const names = new Map(
      [...honest, ...unlucky, ...Object.keys(garbage)].map((miner) => [
        keypairFromUri(`//${miner}//hotkey`).ss58Address,
        miner,
      ]),
    );
    const contenders = await readContenders(store, round!.id);
    return Object.fromEntries(contenders.map(({ hotkey, reason }) => [names.get(hotkey), reason ?? "contends"]));
  } finally {
    await store.close();
  }
}

/** `rounds diff` with the undisturbed validator. */
async function differences(name: string) {
  const { out } = await subnet.finetune(["rounds", "diff", calm, stateFile(name), "--json"]);
  const [round] = JSON.parse(out).rounds;
  return round as { lossesCompared: number; lossesDifferent: number; sameSamples: boolean; notes: string[] };
}

/** Two lines, after those of the way there: what, and what to do. No stack. */
function expectSentence({ code, err }: Finished, what: RegExp): void {
  const lines = err
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith("ℹ "));
  expect({ code, err, lines: lines.length }).toEqual({ code: 2, err: expect.stringMatching(what), lines: 2 });
}

describe("a miner's fault costs that miner alone:", () => {
  test("garbage for a commitment", async () => {
    const reasons = Object.fromEntries(Object.entries(garbage).map(([miner, { reason }]) => [miner, reason]));
    const contend = Object.fromEntries([...honest, ...unlucky].map((miner) => [miner, "contends"]));
    expect(await outcomes("calm")).toEqual({ ...reasons, ...contend });
  });

  test("a repository that is gone or hidden, and a file that is replaced", async () => {
    const { hubUrl, token } = subnet.localnet;
    const headers = { Authorization: `Bearer ${token}` };
    const asked = [
      ["DELETE", "/api/repos/delete", { type: "model", name: "gone", organization: "local" }],
      ["PUT", "/api/models/local/hidden/settings", { private: true }],
    ] as const;
    for (const [method, path, body] of asked) {
      const answer = await fetch(hubUrl + path, { method, headers, body: JSON.stringify(body) });
      expect(answer.status).toBe(200);
    }
    tamper("tampered");
    // Without the owner's token, which would still see what is hidden.
    expect(await validate("unlucky", ["--token", ""])).toMatchObject({ code: 0 });
    expect(await outcomes("unlucky")).toMatchObject({
      first: "contends",
      second: "contends",
      gone: expect.stringMatching(/missing/),
      hidden: expect.stringMatching(/missing/),
      tampered: expect.stringMatching(/hash|corrupt|mismatch|bytes/),
    });
    const { lossesCompared, lossesDifferent, sameSamples } = await differences("unlucky");
    expect({ lossesDifferent, sameSamples }).toEqual({ lossesDifferent: 0, sameSamples: true });
    expect(lossesCompared).toBeGreaterThan(0);
  }, 120_000);
});

/** The hub keeps a file under its digest; another bit in it is what a broken or hostile hub would send. */
function tamper(miner: string): void {
  const bytes = readFileSync(join(subnet.dir, `model-${miner}`, "model.safetensors"));
  const name = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const path = join(subnet.dir, "localnet", "hub", "objects", name.slice(0, 2), name);
  expect(existsSync(path)).toBe(true);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
}

describe("the hub's faults:", () => {
  test("those that pass by themselves change nothing", async () => {
    await subnet.hubFaults({ "http-500": 0.1, "http-429": 0.15, cut: 0.1 });
    try {
      expect(await validate("passing")).toMatchObject({ code: 0 });
    } finally {
      await subnet.hubFaults();
    }
    const reached = await outcomes("passing");
    expect([reached.first, reached.second]).toEqual(["contends", "contends"]);
    expect(await differences("passing")).toMatchObject({ lossesDifferent: 0, sameSamples: true });
  }, 120_000);

  const lasting: [string, RegExp][] = [
    ["http-401", /token-invalid/],
    ["wrong-bytes", /transfer-corrupt|answer-malformed/],
    ["oversize", /transfer-corrupt|answer-malformed/],
  ];
  test.each(lasting)(
    "a hub that always answers with %s fails the models, and not the round",
    async (fault, reason) => {
      await subnet.hubFaults({ [fault]: 1 });
      try {
        expect(await validate(fault)).toMatchObject({ code: 0 });
      } finally {
        await subnet.hubFaults();
      }
      expect((await outcomes(fault)).first).toMatch(reason);
      expect(await subnet.finetune(["rescore", "--db", stateFile(fault), "--verify"])).toMatchObject({ code: 0 });
    },
    120_000,
  );
});

describe("the chain's faults in the middle of a round:", () => {
  test.each(["cut", "silent", "nonsense"] as const)(
    "a line that is %s for a while",
    async (state) => {
      const line = await startFaultyLine(subnet.localnet.chainUrl);
      try {
        const child = subnet.spawn([...roundArgs(state), "--network", line.url]);
        const err = new Response(child.stderr).text();
        for await (const { kind } of documents(child.stdout)) {
          if (kind !== "round") continue;
          const before = line.connections();
          line.set(state);
          setTimeout(() => line.set("cut"), 2000);
          setTimeout(() => line.set("sound"), 2500);
          expect(before).toBeGreaterThan(0);
        }
        const code = await child.exited;
        expect({ code, err: code === 0 ? "" : await err }).toEqual({ code: 0, err: "" });
        expect(await differences(state)).toMatchObject({ lossesDifferent: 0, sameSamples: true });
      } finally {
        line.close();
      }
    },
    120_000,
  );
});

test("a validator whose readers go away finishes its round and says so where it still can", async () => {
  // The first document is read, then both pipes are closed in turn: the log's too in the second run.
  for (const [name, closed] of [
    ["unread", "| head -n 1"],
    ["unheard", "2>&1 | head -n 1"],
  ] as const) {
    const script = `{ "$@"; echo $? > ${name}.code; } ${closed}`;
    const { err } = await subnet.shell(script, roundArgs(name));
    if (name === "unread") expect(err).toContain("standard output is lost");
    expect(readFileSync(join(subnet.dir, `${name}.code`), "utf8").trim()).toBe("0");
    expect(await differences(name)).toMatchObject({ lossesDifferent: 0, sameSamples: true });
  }
}, 120_000);

describe("the operator's mistakes end at once, with what to do, and touch nothing:", () => {
  test("a folder that is not there", async () => {
    expectSentence(await subnet.finetune([...roundArgs("x"), "--db", join(subnet.dir, "no", "such.sqlite")]), /no/);
    expect(existsSync(join(subnet.dir, "no"))).toBe(false);
  }, 30_000);

  test("a file that is no database", async () => {
    writeFileSync(stateFile("letter"), "Dear state, this is a letter.\n".repeat(100));
    const before = readFileSync(stateFile("letter"), "utf8");
    expectSentence(await validate("letter"), /is not a SQLite database/);
    expect(readFileSync(stateFile("letter"), "utf8")).toBe(before);
  }, 30_000);

  test.each([
    ["a hub's address that is none", ["--hub", "localhost:1"], /--hub is .*no address/],
    ["a language data address that is none", ["--language", "nltk"], /--language is .*no address/],
    ["a cache that cannot be written", ["--cache", "/proc/nothing"], /cache folder/],
  ])(
    "%s",
    async (_, flags, what) => {
      expectSentence(await validate("calm", flags), what);
      expect(await subnet.finetune(["rescore", "--db", calm, "--verify"])).toMatchObject({ code: 0 });
    },
    30_000,
  );

  test("a wallet that is not there", async () => {
    const args = [...subnet.validatorArgs(stateFile("nobody")), "--once", "--wallet.name", "nobody"];
    expectSentence(await subnet.finetune(args), /nobody/);
    expect(existsSync(stateFile("nobody"))).toBe(false);
  }, 30_000);

  test("a subnet that is not there, and the state is tied to nothing", async () => {
    const { code, err } = await validate("nowhere", ["--netuid", "999"]);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/no subnet 999\.\n.*--netuid/) });
    expect(await bindingOf("nowhere")).toBeUndefined();
    expect(await validate("nowhere")).toMatchObject({ code: 0 });
  }, 60_000);

  test("a hotkey that is not registered", async () => {
    const wallet = ["--wallet.path", join(subnet.dir, "wallets"), "--wallet.name", "stranger"];
    const created = await subnet.finetune(["wallet", "create", ...wallet, "--no-password", "--json"]);
    expect(created).toMatchObject({ code: 0 });
    const args = [...subnet.validatorArgs(stateFile("stranger")), ...wallet, "--wallet.hotkey", "default", "--once"];
    expectSentence(await subnet.finetune(args), /not registered in subnet/);
    expect(await bindingOf("stranger")).toBeUndefined();
  }, 30_000);

  test("a wrong password", async () => {
    const location = { path: join(subnet.dir, "wallets"), name: "locked", hotkey: "default" };
    const keyfile = keyfilePath(location, "hotkey");
    mkdirSync(dirname(keyfile), { recursive: true });
    cpSync(join(import.meta.dir, "fixtures", "wallets", "ansible", "coldkey"), keyfile);
    const [variable] = passwordVariables(keyfile);
    const args = [...subnet.validatorArgs(calm), "--wallet.path", location.path, "--wallet.name", "locked"];
    const before = readFileSync(calm);
    const ended = await subnet.finetune(args, { [variable!]: concealPassword("wrong horse", variable!) });
    expect(ended).toMatchObject({ code: 2, err: expect.stringMatching(/password/i) });
    expect(readFileSync(calm).equals(before)).toBe(true);
  }, 60_000);

  test("a state file of another chain", async () => {
    const other = await startChain({ blockMs: 250, netuid: subnet.localnet.netuid, neurons: [] });
    try {
      expectSentence(await subnet.finetune([...roundArgs("calm"), "--network", other.url]), /another chain|genesis/);
      expect(await subnet.finetune(["rescore", "--db", calm, "--verify"])).toMatchObject({ code: 0 });
    } finally {
      await other.close();
    }
  }, 60_000);

  test("a network where nobody speaks the chain's language", async () => {
    const web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>Welcome</html>") });
    try {
      const args = [...roundArgs("web"), "--network", `ws://127.0.0.1:${web.port}`];
      const { code, err } = await subnet.finetune(args);
      expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/--network/) });
    } finally {
      await web.stop(true);
    }
  }, 60_000);

  test("a disk that is full in the middle of a round: what was stored is kept, and the round goes on later", async () => {
    // The state file may not grow beyond this; downloads are smaller. In blocks of 512 bytes.
    const script = 'ulimit -f 800; exec "$@"';
    writeFullDiskRules();
    const args = [...roundArgs("full"), "--competitions", join(subnet.dir, "large.json")];
    const { code, err } = await subnet.shell(script, args);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/no space left/) });
    const stored = await lossesOf("full");
    expect(await subnet.finetune(args)).toMatchObject({ code: 0 });
    expect(await lossesOf("full")).toBeGreaterThanOrEqual(stored);
    expect(await subnet.finetune(["rescore", "--db", stateFile("full"), "--verify"])).toMatchObject({ code: 0 });
    expect(await subnet.finetune(["db", "check", "--db", stateFile("full")])).toMatchObject({ code: 0 });
  }, 120_000);
});

/** The same round with so many questions that its state outgrows the disk. */
function writeFullDiskRules(): void {
  const file = JSON.parse(readFileSync(join(subnet.dir, "competitions.json"), "utf8"));
  for (const period of file.schedule)
    for (const competition of period.competitions) for (const task of competition.tasks) task.samples = 3000;
  writeFileSync(join(subnet.dir, "large.json"), JSON.stringify(file));
}

/** The chain and subnet that a state file belongs to. */
async function bindingOf(name: string) {
  const store = await openStore({ path: stateFile(name), mode: "read" });
  try {
    return await readChain(store);
  } finally {
    await store.close();
  }
}

async function lossesOf(name: string): Promise<number> {
  const store = await openStore({ path: stateFile(name), mode: "read" });
  try {
    const counted = store.db.selectFrom("losses").select(({ fn }) => fn.countAll<number>().as("count"));
    return (await counted.executeTakeFirstOrThrow()).count;
  } finally {
    await store.close();
  }
}
