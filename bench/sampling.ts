/**
 * How long it takes until 400 samples of 4096 tokens are ready: pages drawn and read by ranges over HTTP on loopback,
 * tokenised, cut to length and stored; and again from what is stored. The reference is the tokenizer library alone on the
 * same texts.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { isInvalid } from "../src/base/invalid.ts";
import { Random } from "../src/base/random.ts";
import { renderTable } from "../src/cli/output.ts";
import { builtInCompetitions } from "../src/competition/built-in.ts";
import { methods } from "../src/eval/tasks/methods.ts";
import { createTokenizer, type Tokenizer } from "../src/model/tokenizer.ts";
import { startRound } from "../src/store/rounds.ts";
import { findSampleSet, readSamples, storeSamples } from "../src/store/samples.ts";
import { openStore } from "../src/store/store.ts";
import { storeCompetitionFile } from "../src/validator/rules.ts";
import { openSources } from "../src/validator/sources.ts";
import { drawTexts } from "../src/validator/texts.ts";
import { TokenCache, tokenCacheBounds } from "../src/validator/token-cache.ts";

export interface SamplingFigures {
  readonly samples: number;
  readonly tokens: number;
  readonly drawSeconds: number;
  readonly tokenizeSeconds: number;
  readonly storeSeconds: number;
  readonly readyAgainSeconds: number;
  readonly laterRoundSeconds: number;
  readonly referenceSeconds: number;
}

const sequenceLengthMax = 4096;
const vocabulary = "test/fixtures/text/tokenizers/gpt2/tokenizer.json";

export async function benchSampling(): Promise<SamplingFigures> {
  const folder = mkdtempSync(join(tmpdir(), "bench-sampling-"));
  const tokenizer = createTokenizer(readFileSync(vocabulary, "utf8"));
  if (isInvalid(tokenizer)) throw new Error(tokenizer.detail);
  const server = await serveDocuments(tokenizer);
  try {
    return await measure(folder, `http://127.0.0.1:${server.port}`, tokenizer);
  } finally {
    await server.stop(true);
    rmSync(folder, { recursive: true });
  }
}

async function measure(folder: string, url: string, tokenizer: Tokenizer): Promise<SamplingFigures> {
  const whole = builtInCompetitions("sn37-latest");
  const competitions = whole.schedule.flatMap((period) => period.competitions);
  const competition = competitions.find(({ tasks }) => tasks.some(({ source }) => source.kind === "fineweb"))!;
  const task = competition.tasks.find(({ source }) => source.kind === "fineweb")!;
  const alone = { ...competition, tasks: [{ ...task, weight: 1 }] };
  const store = await openStore({ path: join(folder, "state.sqlite"), mode: "write", create: true });
  const rules = await storeCompetitionFile(store, { ...whole, schedule: [{ fromBlock: 0, competitions: [alone] }] });
  const round = await startRound(store, {
    competitionId: alone.id,
    competitionDigest: rules.digestOf.get(alone)!,
    ruleSetDigest: rules.digest,
    syncBlock: 1,
    syncBlockHash: "0x00",
    seed: 1n,
  });
  const servers = { hubUrl: url, datasetsUrl: url, wandbUrl: url, languageUrl: url, hubToken: "", wandbKey: "" };
  const noChain = () => Promise.reject(new Error("web text needs no chain"));
  const chain = { metagraph: noChain, timestampMs: noChain };
  const sources = openSources({ ...servers, cacheFolder: join(folder, "cache"), chain });
  const signal = new AbortController().signal;
  const clock = stopwatch();
  const drawn = await drawTexts({ store, sources, report: () => {}, signal }, { round, competition: alone });
  if (isInvalid(drawn)) throw new Error(drawn.detail);
  const texts = drawn.get(task.name)!;
  const drawSeconds = clock();
  const method = methods[task.method.kind];
  const items = method.items(texts);
  const written = items.map((item) => (item.kind === "text" ? item.text : ""));
  const tokenCache = new TokenCache({ folder: join(folder, "ids"), ...tokenCacheBounds });
  const encode = () => tokenizer.encodeAll(written, { addSpecialTokens: true });
  const ids = await tokenCache.through("gpt2", items, encode);
  const { kind: _, ...limits } = task.method;
  const questions = method.questions(texts, ids, { ...limits, sequenceLengthMax });
  const tokenizeSeconds = clock();
  const key = { roundId: round.id, task: task.name, tokenizer: "gpt2" };
  await storeSamples(store, { ...key, samples: questions.map(({ batch, sample }) => ({ batch, question: sample })) });
  const storeSeconds = clock();
  const stored = await readSamples(store, (await findSampleSet(store, key))!.id);
  const readyAgainSeconds = clock();
  await tokenCache.through("gpt2", items, () => Promise.reject(new Error("every text is known")));
  const laterRoundSeconds = clock();
  await tokenizer.encodeAll(written, { addSpecialTokens: true });
  const referenceSeconds = clock();
  await store.close();
  const losses = stored.flatMap(({ question }) => (question.kind === "loss" ? [question.ids.length] : []));
  const tokens = losses.reduce((sum, length) => sum + length, 0);
  return {
    samples: losses.length,
    tokens,
    drawSeconds,
    tokenizeSeconds,
    storeSeconds,
    readyAgainSeconds,
    laterRoundSeconds,
    referenceSeconds,
  };
}

function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}

/** 1000 documents of at least 4096 tokens in Parquet, and what the datasets server says of them. */
async function serveDocuments(tokenizer: Tokenizer) {
  const random = new Random(1);
  const words = Array.from({ length: 5000 }, () =>
    Array.from({ length: random.integer(2, 9) }, () => "etaoinshrdlu"[random.below(12)]).join(""),
  );
  const probe = Array.from({ length: 1000 }, () => random.choice(words)).join(" ");
  const [ids] = await tokenizer.encodeAll([probe], { addSpecialTokens: false });
  const wordsPerText = Math.ceil((1.1 * sequenceLengthMax * 1000) / ids!.length);
  const data = Array.from({ length: 1000 }, () =>
    Array.from({ length: wordsPerText }, () => random.choice(words)).join(" "),
  );
  const file = new Uint8Array(
    parquetWriteBuffer({ columnData: [{ name: "text", data, type: "STRING" }], rowGroupSize: 100 }),
  );
  const place = { config: "a", split: "train" };
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { origin, pathname } = new URL(request.url);
      if (pathname === "/size") return Response.json({ size: { splits: [{ ...place, num_rows: data.length }] } });
      const url = `${origin}/a.parquet`;
      if (pathname === "/parquet") return Response.json({ parquet_files: [{ ...place, url, size: file.length }] });
      const [from = 0, to = file.length - 1] =
        /(\d+)-(\d+)/
          .exec(request.headers.get("Range") ?? "")
          ?.slice(1)
          .map(Number) ?? [];
      const range = `bytes ${from}-${to}/${file.length}`;
      return new Response(file.slice(from, to + 1), { status: 206, headers: { "Content-Range": range } });
    },
  });
}

export function samplingTable(figures: SamplingFigures): string {
  const { drawSeconds, tokenizeSeconds, storeSeconds, readyAgainSeconds, laterRoundSeconds, referenceSeconds } =
    figures;
  const row = (what: string, seconds: number) => [
    what,
    `${seconds.toFixed(2)} s`,
    `${(seconds / referenceSeconds).toFixed(2)} ×`,
  ];
  return renderTable(
    [`${figures.samples} samples, ${figures.tokens} tokens`, "time", "to the reference"],
    [
      row("drawn and read by ranges", drawSeconds),
      row("tokenised, kept and cut", tokenizeSeconds),
      row("stored", storeSeconds),
      row("ready (the three; at most 5 s)", readySeconds(figures)),
      row("ready again, from the store", readyAgainSeconds),
      row("ids of the same texts in a later round", laterRoundSeconds),
      row("reference: the tokenizer library alone", referenceSeconds),
    ],
  );
}

/** From the first request to the last stored sample. */
export function readySeconds({ drawSeconds, tokenizeSeconds, storeSeconds }: SamplingFigures): number {
  return drawSeconds + tokenizeSeconds + storeSeconds;
}

if (import.meta.main) {
  const figures = await benchSampling();
  process.stdout.write(`${samplingTable(figures)}\n`);
  if (readySeconds(figures) > 5) process.exitCode = 1;
}
