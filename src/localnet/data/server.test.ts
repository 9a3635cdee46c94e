/** The local data server, read as the public services are read: by ranges of Parquet, by pages of rows, by GraphQL. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { asyncBufferFromUrl, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { decodeSs58, keypairFromUri, verifySignature } from "../../chain/keypair.ts";
import { type RunningData, startData } from "./server.ts";

const nowMs = Date.UTC(2026, 0, 15);
const fineweb = "HuggingFaceFW/fineweb-edu-score-2";
let server: RunningData;
let hotkey: string;

beforeAll(async () => {
  await cryptoWaitReady();
  hotkey = keypairFromUri("//Validator").ss58Address;
  server = await startData({ validators: ["//Validator"], nowMs });
});
afterAll(() => server.close());

const get = async (path: string) => (await fetch(`${server.url}${path}`)).json();

async function ask(query: string, variables: object = {}) {
  const response = await fetch(`${server.url}/graphql`, {
    method: "POST",
    headers: { Authorization: `Basic ${btoa("api:key")}`, "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

describe("the dataset viewer", () => {
  test("splits, sizes and files agree", async () => {
    const { splits } = await get(`/splits?dataset=${fineweb}`);
    expect(splits.map(({ config }: { config: string }) => config)).toEqual([
      "default",
      "CC-MAIN-2024-10",
      "CC-MAIN-2024-18",
    ]);
    const { size } = await get(`/size?dataset=${fineweb}`);
    const { parquet_files: files } = await get(`/parquet?dataset=${fineweb}`);
    for (const split of size.splits) {
      const mine = files.filter(({ config }: { config: string }) => config === split.config);
      let rows = 0;
      for (const { url, size: byteLength } of mine) {
        const metadata = await parquetMetadataAsync(await asyncBufferFromUrl({ url, byteLength }));
        expect(metadata.row_groups.length).toBeGreaterThan(1);
        rows += Number(metadata.num_rows);
      }
      expect(rows, split.config).toBe(split.num_rows);
    }
    const direct = await get(`/api/datasets/${fineweb}/parquet/CC-MAIN-2024-10/train`);
    expect(direct).toEqual(
      files
        .filter(({ config }: { config: string }) => config === "CC-MAIN-2024-10")
        .map(({ url }: { url: string }) => url),
    );
  });

  test("a row is the same from the rows and from Parquet, nested columns too", async () => {
    for (const [dataset, config] of [
      [fineweb, "CC-MAIN-2024-10"],
      ["PrimeIntellect/SYNTHETIC-1-SFT-Data", "default"],
      ["open-r1/codeforces-cots", "solutions"],
      ["macrocosm-os/macrobench-bittensor-01", "20250300"],
    ] as const) {
      const { rows } = await get(`/rows?dataset=${dataset}&config=${config}&split=train&offset=60&length=15`);
      const { parquet_files: files } = await get(`/parquet?dataset=${dataset}&config=${config}`);
      const file = await asyncBufferFromUrl({ url: files[0].url });
      const read = await parquetReadObjects({ file, rowStart: 60, rowEnd: 75 });
      expect(read, dataset).toEqual(rows.map(({ row }: { row: object }) => row));
    }
  });

  test("what cannot be answered is refused", async () => {
    const status = async (path: string) => (await fetch(`${server.url}${path}`)).status;
    const rows = `/rows?dataset=${fineweb}&config=default&split=train`;
    expect(await status(`${rows}&offset=0&length=101`)).toBe(422);
    expect(await status(`${rows}&offset=-1`)).toBe(422);
    expect(await status(`/rows?dataset=${fineweb}`)).toBe(422);
    expect(await status("/splits?dataset=no/such")).toBe(404);
    expect(await status("/nowhere")).toBe(404);
    expect((await get(`${rows}&offset=1000000`)).rows).toEqual([]);
  });

  test("the questions are of the validator or of nobody", async () => {
    const { rows } = await get(
      "/rows?dataset=macrocosm-os/macrobench-bittensor-01&config=20250100&split=train&length=80",
    );
    const hotkeys = new Set(rows.map(({ row }: { row: { hotkey: string } }) => row.hotkey));
    expect(hotkeys).toEqual(new Set([hotkey, "unknown"]));
  });

  test("the same seed gives the same files", async () => {
    const again = await startData({ validators: ["//Validator"], nowMs });
    const path = `/datasets/${fineweb}/resolve/refs%2Fconvert%2Fparquet/default/train/0000.parquet`;
    const bytes = async (url: string) => Buffer.from(await (await fetch(`${url}${path}`)).arrayBuffer());
    expect((await bytes(again.url)).equals(await bytes(server.url))).toBe(true);
    await again.close();
  });

  test("fails on demand", async () => {
    server.setFaults({ "http-429": 1 });
    expect((await fetch(`${server.url}/splits?dataset=${fineweb}`)).status).toBe(429);
    server.setFaults({});
  });
});

describe("W&B", () => {
  const runs = `query ($filters: JSONString, $after: String) {
    project(name: "multi-modality", entityName: "cortex-t") {
      runs(filters: $filters, after: $after, first: 2) {
        edges { node { name state config createdAt } cursor }
        pageInfo { endCursor hasNextPage }
      }
    }
  }`;

  async function allRuns(filters: object) {
    const found: { name: string; state: string; config: string }[] = [];
    for (let after: string | null = null; ; ) {
      const { data } = await ask(runs, { filters: JSON.stringify(filters), after });
      const page = data.project.runs;
      found.push(...page.edges.map(({ node }: { node: object }) => node));
      if (!page.pageInfo.hasNextPage) return found;
      after = page.pageInfo.endCursor;
    }
  }

  test("filters and pages; two running runs of the validator carry its signature, a copy does not", async () => {
    expect((await allRuns({})).length).toBe(6);
    const running = await allRuns({ $and: [{ "config.type": "validator" }, { state: { $in: ["running"] } }] });
    expect(running.length).toBe(4);
    const signed = running.map(({ name, config }) => {
      const { hotkey: by, signature } = JSON.parse(config);
      return verifySignature({
        message: new TextEncoder().encode(name),
        signature: Buffer.from(signature.value, "hex"),
        publicKey: decodeSs58(by.value)!,
      });
    });
    // Two of the validator, one that copies the first's config, and a stranger's, whose signature is good but worth nothing.
    const mine = running.map(({ config }) => JSON.parse(config).hotkey.value === hotkey);
    expect(mine.filter(Boolean).length).toBe(3);
    expect(signed.filter((valid, index) => valid && mine[index]).length).toBe(2);
    const byHotkey = await allRuns({ "config.hotkey.value": hotkey, state: "running" });
    expect(byHotkey.map(({ name }) => name)).toEqual(
      running.filter(({ config }) => config.includes(hotkey)).map(({ name }) => name),
    );
  });

  test("a run's history is one whole, exported and live", async () => {
    const [run] = await allRuns({ state: "running" });
    const { data } = await ask(
      `query ($run: String!, $specs: [JSONString!]!) {
        project(name: "multi-modality", entityName: "cortex-t") { run(name: $run) {
          historyLineCount
          history(minStep: 0, maxStep: 100)
          sampledHistory(specs: $specs)
          parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData }
        } } }`,
      { run: run!.name, specs: [JSON.stringify({ keys: ["_timestamp", "modality"], samples: 500 })] },
    );
    const { historyLineCount, history, sampledHistory, parquetHistory } = data.project.run;
    const rows = history.map((line: string) => JSON.parse(line));
    expect(rows.length).toBe(historyLineCount);
    const file = await asyncBufferFromUrl({ url: parquetHistory.parquetUrls[0] });
    const exported = await parquetReadObjects({ file });
    const steps = exported.map((row) => ({ ...row, _step: Number(row._step) }));
    expect([...steps, ...parquetHistory.liveData]).toEqual(rows);
    expect(sampledHistory[0].length).toBe(rows.length);
    expect(Object.keys(sampledHistory[0][0]).sort()).toEqual(["_step", "_timestamp", "modality"]);
    const newest = Math.max(...rows.map(({ _timestamp }: { _timestamp: number }) => _timestamp));
    expect(nowMs / 1000 - newest).toBeLessThan(86_400);
  });

  test("nonsense is an error, not an answer", async () => {
    expect((await ask("query { nothing }")).errors.length).toBe(1);
    expect((await ask("")).errors.length).toBe(1);
    const strange = await ask(runs, { filters: '{"$where":"1"}' });
    expect(strange.errors[0].message).toContain("$where");
    expect((await ask('{ project(name: "other", entityName: "cortex-t") { name } }')).data.project).toBeNull();
  });
});
