/** Every source over real HTTP to the local data server, as a validator draws it, also when the server misbehaves. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { zipSync } from "fflate";
import { parquetWriteBuffer } from "hyparquet-writer";
import { InterruptedError } from "../base/errors.ts";
import { isInvalid } from "../base/invalid.ts";
import { Random } from "../base/random.ts";
import { keypairFromUri } from "../chain/keypair.ts";
import { builtInCompetitions } from "../competition/built-in.ts";
import type { Competition, CompetitionFile, Task } from "../competition/competition.ts";
import type { DataBounds } from "../data/remote/bounds.ts";
import { methods } from "../eval/tasks/methods.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { Language } from "../localnet/data/language.ts";
import { type RunningData, startData } from "../localnet/data/server.ts";
import { createTokenizer } from "../model/tokenizer.ts";
import { readPages } from "../store/pages.ts";
import { startRound } from "../store/rounds.ts";
import { storeSamples } from "../store/samples.ts";
import { openStore } from "../store/store.ts";
import type { Metagraph } from "../subnet.ts";
import { storeCompetitionFile } from "./rules.ts";
import { openSources } from "./sources.ts";
import { drawTexts } from "./texts.ts";

const nowMs = Date.UTC(2026, 0, 15);
const bounds = { attemptsMax: 4, backOffMsFirst: 5, backOffMsMax: 20, answerMsMax: 500 };
let folder: string;
let data: RunningData;
/** In front of the data server: what a test makes of a request, and what was asked. */
let inFront: ReturnType<typeof Bun.serve>;
let meddle: (request: Request) => Response | null | Promise<Response | null> = () => null;
let asked: { readonly path: string; readonly range: string | null }[] = [];

beforeAll(async () => {
  await cryptoWaitReady();
  folder = mkdtempSync(join(tmpdir(), "finetune-sources-"));
  data = await startData({ validators: ["//Validator"], nowMs });
  inFront = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      asked.push({ path: url.pathname, range: request.headers.get("Range") });
      const answer = await meddle(request);
      if (answer !== null) return answer;
      const own = await fetch(`${data.url}${url.pathname}${url.search}`, {
        method: request.method,
        headers: request.headers,
        ...(request.method === "POST" ? { body: await request.text() } : {}),
      });
      // Links in answers lead back here, so that nothing passes by.
      if (!own.headers.get("Content-Type")?.includes("json")) return own;
      return new Response((await own.text()).replaceAll(data.url, url.origin), own);
    },
  });
});
afterAll(async () => {
  await inFront.stop(true);
  await data.close();
  rmSync(folder, { recursive: true });
});

/** The chain as the sources see it: one validator of every subnet, and the time of its block. */
let blockMs = nowMs;
const chain = {
  timestampMs: async () => blockMs,
  metagraph: async (netuid: number) => {
    const neuron = { uid: 0, hotkey: keypairFromUri("//Validator").ss58Address, stakeTao: 1e6, validatorPermit: true };
    return { netuid, neurons: [neuron] } as unknown as Metagraph;
  },
};

const open = (cache: string, change: Partial<DataBounds> = {}) => {
  const url = `http://127.0.0.1:${inFront.port}`;
  const servers = { hubUrl: url, datasetsUrl: url, wandbUrl: url, languageUrl: url, hubToken: "", wandbKey: "key" };
  const cacheFolder = join(folder, cache);
  return openSources({ ...servers, cacheFolder, chain, bounds: { ...bounds, ...change } });
};

/** One competition with every task that the public subnet ever had. */
const periods = builtInCompetitions("sn37-latest").schedule.flatMap(({ competitions }) => competitions);
const everyTask = new Map(periods.flatMap(({ tasks }) => tasks).map((task) => [task.source.kind, task]));
/** The public word list and tagger are not ours to serve. */
const { words, tagger } = new Language(0).digests;
const withLocalLanguage = (task: Task): Task => {
  if (task.source.kind === "word-sorting") return { ...task, source: { ...task.source, words } };
  return task.source.kind === "instructions" ? { ...task, source: { ...task.source, tagger } } : task;
};
const latest: Competition = { ...periods.at(-1)!, tasks: [...everyTask.values()].map(withLocalLanguage) };
const launch = builtInCompetitions("sn37-launch").schedule[0]!.competitions[0]!;
const taskOf = (competition: Competition, kind: string) =>
  competition.tasks.find(({ source }) => source.kind === kind)!;

async function draw(
  cache: string,
  kind: string,
  change: Partial<DataBounds> = {},
  signal = new AbortController().signal,
) {
  const competition = kind === "cortex-stream" ? launch : latest;
  const random = new Random(42n);
  asked = [];
  return open(cache, change)(taskOf(competition, kind), {
    random,
    competition,
    syncBlock: 1,
    syncBlockHash: "0x00",
    signal,
  });
}

interface RunsAnswer {
  readonly edges: { readonly node: { readonly historyKeys: { lastStep: number }; readonly createdAt: string } }[];
}

const textsOf = (drawn: Awaited<ReturnType<typeof draw>>): readonly TaskText[] => {
  if (drawn.kind !== "drawn") throw new Error(drawn.reason);
  return drawn.texts;
};

describe("every source of the latest rules and the launch", () => {
  const cases = {
    fineweb: 350,
    "synthetic-mmlu": 100,
    "synthetic-1-sft": 60,
    "codeforces-cots": 90,
    "cortex-stream": 8,
    "word-sorting": 400,
    instructions: 20,
  };
  for (const [kind, least] of Object.entries(cases))
    test(`${kind}: the same texts again, with what was read noted`, async () => {
      const drawn = await draw("all", kind);
      expect(textsOf(drawn).length).toBeGreaterThanOrEqual(least);
      expect(textsOf(await draw("other", kind))).toEqual([...textsOf(drawn)]);
      expect(drawn.pages!.length).toBeGreaterThan(0);
      expect(drawn.pages!.every(({ state }) => state === "used")).toBe(true);
    });

  test("only signed conversations of validators with stake, without refusals", async () => {
    const texts = textsOf(await draw("all", "cortex-stream"));
    for (const text of texts)
      expect(text.kind === "conversation" && !text.response.includes("As an AI") && text.response !== "").toBe(true);
  });

  test("what was logged after the block is left out, so that whoever draws later draws the same", async () => {
    // The last two steps of every run, and a run that began after the block.
    const lateMs = nowMs - 2 * 600_000;
    blockMs = lateMs - 60_000;
    const later = textsOf(await draw("all", "cortex-stream"));
    blockMs = nowMs;
    expect(later).not.toEqual([...textsOf(await draw("all", "cortex-stream"))]);

    blockMs = lateMs - 60_000;
    const server = `${data.url}/graphql`;
    const rewritten = (change: (project: { runs?: RunsAnswer; run?: { history: string[] } }) => void) => {
      meddle = async (request) => {
        if (request.method !== "POST") return null;
        const { headers, method } = request;
        const answer = await (await fetch(server, { method, headers, body: await request.clone().text() })).json();
        change(answer.data.project);
        return Response.json(answer);
      };
    };
    rewritten(({ runs, run }) => {
      for (const { node } of runs?.edges ?? []) node.historyKeys.lastStep -= 2;
      if (run) run.history = run.history.filter((row) => JSON.parse(row)._timestamp * 1000 <= blockMs);
    });
    expect(textsOf(await draw("all", "cortex-stream"))).toEqual([...later]);
    rewritten(({ runs }) => {
      const [first] = runs?.edges ?? [];
      if (first) runs!.edges.unshift({ node: { ...first.node, createdAt: new Date(lateMs).toISOString() } });
    });
    expect(textsOf(await draw("all", "cortex-stream"))).toEqual([...later]);
    meddle = () => null;
    blockMs = nowMs;
  });

  test("rows are too old by the block's time, not by this machine's", async () => {
    blockMs = nowMs + 2 * 86_400_000;
    expect(await draw("all", "cortex-stream")).toMatchObject({ kind: "dropped" });
    blockMs = nowMs;
  });

  test("runs whose steps were moved into files are read from there", async () => {
    const live = textsOf(await draw("all", "cortex-stream"));
    meddle = async (request) => {
      if (request.method !== "POST") return null;
      const body = await request.clone().text();
      if (!body.includes("query History")) return null;
      return Response.json({ data: { project: { run: { history: [] } } } });
    };
    expect(textsOf(await draw("all", "cortex-stream"))).toEqual([...live]);
    expect(asked.some(({ path }) => path.endsWith(".parquet"))).toBe(true);

    const rows = Int32Array.from({ length: 1_000_001 }, (_, step) => step);
    const endless = parquetWriteBuffer({ columnData: [{ name: "_step", data: rows, type: "INT32" }] });
    const moved = meddle;
    meddle = (request) => (request.url.endsWith(".parquet") ? new Response(endless) : moved(request));
    const { pages } = await draw("all", "cortex-stream");
    expect(pages!.length).toBeGreaterThan(0);
    for (const { reason } of pages!) expect(reason).toContain("has 1000001 rows; at most 1000000 are read");
    meddle = () => null;
  });

  test("a list of runs that nobody wants is not read for ever", async () => {
    const node = { name: "foreign", config: "{}", createdAt: "2026-01-01T00:00:00Z", historyKeys: null };
    const runs = {
      edges: new Array(4000).fill({ node }),
      pageInfo: { endCursor: "further", hasNextPage: true },
    };
    meddle = ({ method }) => (method === "POST" ? Response.json({ data: { project: { runs } } }) : null);
    expect(await draw("all", "cortex-stream")).toMatchObject({
      kind: "dropped",
      reason: expect.stringContaining("runs without end"),
    });
    meddle = () => null;
  });
});

describe("the word list and the tagger", () => {
  const kinds = { "word-sorting": "/packages/corpora/words.zip", instructions: "/packages/taggers/" } as const;
  const archivesAsked = () => asked.filter(({ path }) => path.startsWith("/packages/")).length;

  test("keywords are content words, and words come from the list", async () => {
    const rules = textsOf(await draw("all", "instructions")).flatMap((text) =>
      text.kind === "instructions" ? text.rules : [],
    );
    const keywords = rules.flatMap((rule) => ("keywords" in rule ? rule.keywords : []));
    expect(keywords.length).toBeGreaterThan(5);
    const drawn = await draw("all", "word-sorting");
    expect(drawn.pages![0]!.page).toMatchObject({ words: `sha256:${words}` });
    for (const text of textsOf(drawn).slice(0, 20))
      expect(text.kind === "reference" && text.context).toMatch(
        /^Sort the following words alphabetically: [a-z ]+\. $/,
      );
  });

  test("are fetched once, and again when what was kept is cut short or changed", async () => {
    for (const kind of Object.keys(kinds)) {
      const texts = textsOf(await draw(`kept-${kind}`, kind));
      expect(archivesAsked()).toBe(1);
      const kept = join(folder, `kept-${kind}`, "language");
      expect(textsOf(await draw(`kept-${kind}`, kind))).toEqual([...texts]);
      expect(archivesAsked()).toBe(0);
      for (const name of readdirSync(kept)) {
        const whole = readFileSync(join(kept, name));
        for (const spoilt of [whole.subarray(0, 10), Buffer.concat([whole, whole])]) {
          writeFileSync(join(kept, name), spoilt);
          expect(textsOf(await draw(`kept-${kind}`, kind))).toEqual([...texts]);
          expect(archivesAsked()).toBe(1);
          expect(readFileSync(join(kept, name)).equals(whole)).toBe(true);
        }
      }
    }
  });

  const large = { "words/en-basic": new Uint8Array(300_000) };
  const other = { "words/en-basic": new TextEncoder().encode("other\n") };
  const answers: Readonly<Record<string, readonly [() => Response, string]>> = {
    "a 404": [() => new Response("gone", { status: 404 }), "answered 404"],
    HTML: [() => new Response("<html>Sign in</html>"), "is no archive"],
    "an archive cut short": [() => new Response(new Uint8Array(zipSync(large)).slice(0, 100)), "is no archive"],
    "another archive": [() => new Response(new Uint8Array(zipSync({ readme: Buffer.from("x") }))), "does not hold"],
    "other words": [() => new Response(new Uint8Array(zipSync(other))), `instead of ${words}`],
    "a small archive of much": [
      () => new Response(new Uint8Array(zipSync(large))),
      "unpacks to more than 100000 bytes",
    ],
    "a large archive": [() => new Response(new Uint8Array(3_000_000)), "answered with more than 2000000 bytes"],
  };
  for (const [name, [answer, reason]] of Object.entries(answers))
    test(`${name} costs the task, with a sentence`, async () => {
      meddle = ({ url }) => (url.includes("/packages/") ? answer() : null);
      const limits = { languageBytesMax: 200_000, fileBytesMax: 2_000_000 };
      expect(await draw(`bad ${name}`, "word-sorting", limits)).toMatchObject({
        kind: "dropped",
        reason: expect.stringContaining(reason),
      });
      meddle = () => null;
      expect(existsSync(join(folder, `bad ${name}`, "language"))).toBe(false);
    });

  test("without a word list named, words need no server", async () => {
    const task = taskOf(latest, "word-sorting");
    const { words: _, ...source } = task.source as Extract<Task["source"], { kind: "word-sorting" }>;
    asked = [];
    const { signal } = new AbortController();
    const at = { random: new Random(42n), competition: latest, syncBlock: 1, syncBlockHash: "0x00", signal };
    const drawn = await open("none")({ ...task, source }, at);
    expect(drawn).toMatchObject({ kind: "drawn", pages: [{ page: { words: "BIP-39 English" } }] });
    expect(asked).toEqual([]);
  });
});

describe("Parquet by ranges", () => {
  test("a page takes at most two row groups; footers are read once", async () => {
    await draw("ranges", "fineweb");
    const first = asked.filter(({ range }) => range !== null).length;
    await draw("ranges", "fineweb");
    const again = asked.filter(({ range }) => range !== null).length;
    // Four pages of 100 rows over groups of 100 rows; one column each, so a request is a row group.
    expect(again).toBeLessThanOrEqual(8);
    expect(again).toBeLessThan(first);
    expect(asked.every(({ path }) => path !== "/rows")).toBe(true);
  });

  test("without Parquet the rows API gives the same texts", async () => {
    const texts = textsOf(await draw("fallback", "fineweb"));
    meddle = (request) => (request.url.includes("parquet") ? new Response("gone", { status: 404 }) : null);
    const drawn = await draw("empty", "fineweb");
    meddle = () => null;
    expect(textsOf(drawn)).toEqual([...texts]);
    expect(asked.filter(({ path }) => path === "/rows").length).toBe(4);
  });

  test("the hub's list serves where the viewer's is silent", async () => {
    meddle = ({ url }) => (new URL(url).pathname === "/parquet" ? new Response("", { status: 501 }) : null);
    const drawn = await draw("hub", "codeforces-cots");
    meddle = () => null;
    expect(textsOf(drawn)).toEqual([...textsOf(await draw("hub2", "codeforces-cots"))]);
  });
});

describe("a server that misbehaves", () => {
  test("429, HTML, cut bodies and silence are asked again, with the same texts in the end", async () => {
    const texts = textsOf(await draw("well", "fineweb"));
    const faults: readonly (() => Response | Promise<Response>)[] = [
      () => new Response("later", { status: 429, headers: { "Retry-After": "0" } }),
      () => new Response("<html>Sign in</html>", { headers: { "Content-Type": "text/html" } }),
      () => new Response('{"size": {"spl', { headers: { "Content-Type": "application/json" } }),
      () => new Promise<Response>(() => {}),
    ];
    for (const [index, fault] of faults.entries()) {
      let count = 0;
      meddle = () => (count++ % 3 === 1 ? fault() : null);
      expect(textsOf(await draw(`bad${index}`, "fineweb"))).toEqual([...texts]);
    }
    meddle = () => null;
  }, 20_000);

  test("a page that stays away is dropped by name, and none is read in its place", async () => {
    const whole = await draw("whole", "fineweb");
    const [page] = whole.pages!;
    const { config, offset } = page!.page as { readonly config: string; readonly offset: number };
    const isLost = (url: string) =>
      new RegExp(`parquet/${config}/train|/rows\\?.*config=${config}&.*offset=${offset}&`).test(
        decodeURIComponent(url),
      );
    meddle = ({ url }) => (isLost(url) ? new Response("", { status: 503 }) : null);
    const drawn = await draw("lost", "fineweb");
    meddle = () => null;
    const dropped = drawn.pages!.filter(({ state }) => state === "dropped");
    expect(dropped).toHaveLength(1);
    expect(dropped[0]!.reason).toContain("503");
    expect(drawn.pages).toHaveLength(4);
    const all = textsOf(whole).map((text) => JSON.stringify(text));
    expect(textsOf(drawn)).toHaveLength(300);
    for (const text of textsOf(drawn)) expect(all).toContain(JSON.stringify(text));
  });

  test("a server that is away or asks for too long a pause costs the task, with a sentence", async () => {
    meddle = () => new Response("", { status: 429, headers: { "Retry-After": "86400" } });
    for (const kind of ["fineweb", "synthetic-mmlu", "cortex-stream"]) {
      const drawn = await draw("away", kind);
      expect(drawn).toMatchObject({ kind: "dropped", reason: expect.stringContaining("answered 429") });
      expect(asked).toHaveLength(1);
    }
    meddle = () => new Response("<html>", { headers: { "Content-Type": "text/html" } });
    expect(await draw("away", "cortex-stream")).toMatchObject({
      reason: expect.stringContaining("text/html that is not JSON"),
    });
    meddle = () => null;
  });

  test("an abort ends a draw that waits", async () => {
    meddle = () => new Promise<Response>(() => {});
    const controller = new AbortController();
    const drawing = draw("abort", "fineweb", { answerMsMax: 60_000 }, controller.signal);
    setTimeout(() => controller.abort(), 50);
    expect(drawing).rejects.toBeInstanceOf(InterruptedError);
    await drawing.catch(() => {});
    meddle = () => null;
  });
});

describe("a round", () => {
  const file: CompetitionFile = {
    ...builtInCompetitions("sn37-latest"),
    schedule: [{ fromBlock: 0, competitions: [latest] }],
  };
  const tokenizer = createTokenizer(readFileSync("test/fixtures/text/tokenizers/gpt2/tokenizer.json", "utf8"));

  async function runDraw(name: string) {
    const store = await openStore({ path: join(folder, `${name}.sqlite`), mode: "write", create: true });
    const rules = await storeCompetitionFile(store, file);
    const digest = rules.digestOf.get(latest)!;
    const begun = { competitionId: latest.id, competitionDigest: digest, ruleSetDigest: rules.digest };
    const round = await startRound(store, {
      ...begun,
      syncBlock: 100,
      syncBlockHash: "0xab",
      seed: 12345678901234567890n,
    });
    const signal = new AbortController().signal;
    const reports: string[] = [];
    const report = (progress: { readonly kind: string }) => reports.push(progress.kind);
    const texts = await drawTexts({ store, sources: open(name), report, signal }, { round, competition: latest });
    if (isInvalid(texts)) throw new Error(texts.detail);
    if (isInvalid(tokenizer)) throw new Error(tokenizer.detail);
    const digests: string[] = [];
    for (const task of latest.tasks.filter(({ method }) => method.kind === "text-loss")) {
      const method = methods[task.method.kind];
      const items = method.items(texts.get(task.name)!);
      const written = items.map((item) => (item.kind === "text" ? item.text : ""));
      const ids = await tokenizer.encodeAll(written, { addSpecialTokens: true });
      const { kind: _, ...limits } = task.method;
      const questions = method.questions(texts.get(task.name)!, ids, { ...limits, sequenceLengthMax: 4096 });
      const samples = questions.map(({ batch, sample }) => ({ batch, question: sample }));
      digests.push(
        (await storeSamples(store, { roundId: round.id, task: task.name, tokenizer: "gpt2", samples })).digest,
      );
    }
    const pages = await readPages(store, round.id);
    await store.close();
    return { texts: JSON.stringify([...texts]), digests, pages, reports };
  }

  test("two validators with the same block store the same samples, though one server was in a bad mood", async () => {
    const calm = await runDraw("validator-a");
    let count = 0;
    meddle = () => (count++ % 4 === 2 ? new Response("", { status: 503 }) : null);
    const troubled = await runDraw("validator-b");
    meddle = () => null;
    expect(troubled).toEqual(calm);
    expect(calm.digests).toHaveLength(1);
    expect(calm.reports).toEqual(["drawn"]);
    expect(calm.pages.length).toBeGreaterThan(10);
  }, 20_000);
});
