/** The cache of models on a real hub, shared by real processes that are killed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningHub, startHub } from "../localnet/hub/server.ts";
import { type CachedModel, openModelCache } from "./cache.ts";
import { commitFiles, createRepository } from "./client.ts";
import { connectHub, type Hub } from "./connection.ts";
import type { HubFailure } from "./outcome.ts";

const sizeBytes = 100_000;
let scratch: string;
let server: RunningHub;
let hub: Hub;
const revisions: string[] = [];
const repo = "local/model";

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "cache-"));
  server = await startHub({ folder: join(scratch, "hub") });
  hub = connectHub({ url: server.url, token: server.accounts[0]!.token });
  await createRepository(hub, { repo, private: false });
  for (let index = 0; index < 4; index++) {
    const content = new Blob([new Uint8Array(sizeBytes).fill(index)]);
    const operations = [{ operation: "addOrUpdate" as const, path: "model.safetensors", content }];
    const committed = await commitFiles(hub, { repo, title: `${index}`, operations });
    if (committed.kind === "ok") revisions.push(committed.value.revision);
  }
});
afterAll(async () => {
  await server.close();
  await rm(scratch, { recursive: true, force: true });
});

let caches = 0;
function newCache(bytesMax = 1e9) {
  const folder = join(scratch, `cache-${caches++}`);
  return { folder, ...openModelCache({ folder, bytesMax }) };
}

const wanted = (index: number) => ({ repo, revision: revisions[index]!, bytesMax: 1e6 });

function usable(outcome: CachedModel | HubFailure): CachedModel {
  if (outcome.kind !== "downloaded") throw new Error(outcome.detail);
  return outcome;
}

/** A process that takes a model into use and holds it until it is killed. */
async function holder(folder: string, index: number) {
  const script = `
    const { openModelCache } = await import(${JSON.stringify(join(import.meta.dir, "cache.ts"))});
    const { connectHub } = await import(${JSON.stringify(join(import.meta.dir, "connection.ts"))});
    const cache = openModelCache({ folder: ${JSON.stringify(folder)}, bytesMax: 1e9 });
    const model = await cache.acquire(connectHub({ url: ${JSON.stringify(server.url)} }), ${JSON.stringify(wanted(index))});
    console.log(model.kind);
    setInterval(() => {}, 1e6);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value).trim()).toBe("downloaded");
  return child;
}

test("a model is downloaded once and then found", async () => {
  const cache = newCache();
  const first = usable(await cache.acquire(hub, wanted(0)));
  server.setFaults({ "http-500": 1 });
  const second = usable(await cache.acquire(hub, wanted(0)));
  server.setFaults({});
  expect(second.files).toEqual(first.files);
  expect(Bun.file(join(second.folder, "model.safetensors")).size).toBe(sizeBytes);
  first.release();
  second.release();
});

test("two at the same moment download it once", async () => {
  const cache = newCache();
  const both = await Promise.all([cache.acquire(hub, wanted(0)), cache.acquire(hub, wanted(0))]);
  expect(both.map(usable)[0]!.folder).toBe(usable(both[1]!).folder);
});

test("the model not used for longest makes room; one in use never does", async () => {
  const cache = newCache(2.5 * sizeBytes);
  const held = usable(await cache.acquire(hub, wanted(0)));
  usable(await cache.acquire(hub, wanted(1))).release();
  usable(await cache.acquire(hub, wanted(2))).release();
  const kept = () =>
    cache.entries().then((entries) => entries.map(({ revision }) => revisions.indexOf(revision)).sort());
  expect(await kept()).toEqual([0, 2]);
  const second = usable(await cache.acquire(hub, wanted(2)));
  expect(await cache.acquire(hub, wanted(3))).toMatchObject({ kind: "refused", reason: "disk-full" });
  expect(await cache.remove(wanted(0))).toBe(false);
  held.release();
  usable(await cache.acquire(hub, wanted(3))).release();
  expect(await kept()).toEqual([2, 3]);
  expect(await cache.removeOthers([])).toBeGreaterThanOrEqual(sizeBytes);
  expect(await kept()).toEqual([2]);
  second.release();
});

test("what another process uses stays, until that process is killed", async () => {
  const cache = newCache();
  const child = await holder(cache.folder, 0);
  expect(await cache.entries()).toMatchObject([{ revision: revisions[0]!, inUse: true }]);
  expect(await cache.remove(wanted(0))).toBe(false);
  child.kill("SIGKILL");
  await child.exited;
  expect(await cache.entries()).toMatchObject([{ inUse: false }]);
  expect(await cache.remove(wanted(0))).toBe(true);
  expect((await readdir(cache.folder)).sort()).toEqual(["locks"]);
});

test("a damaged record or a file of another length is downloaded again", async () => {
  const cache = newCache();
  const { folder, release } = usable(await cache.acquire(hub, wanted(0)));
  release();
  await Bun.write(join(folder, "..", "model.json"), "{");
  usable(await cache.acquire(hub, wanted(0))).release();
  await Bun.write(join(folder, "model.safetensors"), "short");
  const again = usable(await cache.acquire(hub, wanted(0)));
  expect(Bun.file(join(again.folder, "model.safetensors")).size).toBe(sizeBytes);
});

test("a branch, or a name that leads out of the folder, is refused", async () => {
  const cache = newCache();
  const refused = (source: object) => cache.acquire(hub, { ...wanted(0), ...source });
  expect(await refused({ revision: "main" })).toMatchObject({ kind: "invalid", reason: "revision-missing" });
  expect(await refused({ repo: "a/../../b" })).toMatchObject({ kind: "invalid", reason: "repository-missing" });
});
