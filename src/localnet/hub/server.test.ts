/** The local hub against the Hub's own JavaScript library, unmodified, and against plain requests where it has none. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  commit,
  countCommits,
  createBranch,
  createRepo,
  deleteBranch,
  deleteFile,
  deleteRepo,
  downloadFile,
  fileDownloadInfo,
  fileExists,
  HubApiError,
  listCommits,
  listFiles,
  modelInfo,
  parseSafetensorsMetadata,
  pathsInfo,
  repoExists,
  uploadFiles,
  whoAmI,
} from "@huggingface/hub";
import { type RunningHub, startHub } from "./server.ts";

let folder: string;
let hub: RunningHub;
let accessToken: string;
let rivalToken: string;
let scratch: string;

const options = () => ({
  folder,
  accounts: [{ name: "local" }, { name: "rival" }],
  regularBytesMax: 1024,
  partBytes: 50_000,
  pageEntries: 4,
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hub-"));
  scratch = await mkdtemp(join(tmpdir(), "hub-files-"));
  hub = await startHub(options());
  accessToken = hub.accounts[0]!.token;
  rivalToken = hub.accounts[1]!.token;
});
afterAll(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
  await rm(scratch, { recursive: true, force: true });
});

const owned = (repo: string) => ({ repo, hubUrl: hub.url, accessToken });

async function statusOf(promise: Promise<unknown>): Promise<number> {
  const error = await promise.then(
    () => null,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(HubApiError);
  return (error as HubApiError).statusCode;
}

/** A file of bytes that are all different from one place to the next, so that a shifted part is noticed. */
async function bigFile(name: string, sizeBytes: number) {
  const bytes = new Uint8Array(sizeBytes).map((_, index) => (index * 2654435761) >>> 24);
  await Bun.write(join(scratch, name), bytes);
  return { bytes, file: Bun.file(join(scratch, name)) };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("repositories", () => {
  test("who am I; a wrong token is refused as such", async () => {
    const me = await whoAmI({ hubUrl: hub.url, accessToken });
    expect(me).toMatchObject({ type: "user", name: "local", auth: { type: "access_token" } });
    expect(await statusOf(whoAmI({ hubUrl: hub.url, accessToken: "hf_wrong" }))).toBe(401);
  });

  test("create, create again, delete", async () => {
    const created = await createRepo({ ...owned("local/made"), private: true });
    expect(created).toEqual({ repoUrl: `${hub.url}/local/made`, id: "local/made" });
    expect(await statusOf(createRepo(owned("local/made")))).toBe(409);
    await deleteRepo(owned("local/made"));
    expect(await repoExists(owned("local/made"))).toBe(false);
  });

  test("another account's namespace is not writable; one that is nobody's becomes the first creator's", async () => {
    expect(await statusOf(createRepo(owned("rival/mine")))).toBe(403);
    await createRepo(owned("shared/model"));
    expect(await statusOf(createRepo({ ...owned("shared/other"), accessToken: rivalToken }))).toBe(403);
    const me = await whoAmI({ hubUrl: hub.url, accessToken });
    expect("orgs" in me && me.orgs.map(({ name }) => name)).toContain("shared");
  });

  test("a private repository does not exist for others, until it is public", async () => {
    await createRepo({ ...owned("local/hidden"), private: true });
    const anonymous = { repo: "local/hidden", hubUrl: hub.url };
    expect(await repoExists(owned("local/hidden"))).toBe(true);
    expect(await repoExists(anonymous)).toBe(false);
    expect(await repoExists({ ...anonymous, accessToken: rivalToken })).toBe(false);
    const refused = await fetch(`${hub.url}/api/models/local/hidden`);
    expect([refused.status, refused.headers.get("X-Error-Code")]).toEqual([401, "RepoNotFound"]);
    const settings = { method: "PUT", body: JSON.stringify({ visibility: "public" }) };
    const changed = await fetch(`${hub.url}/api/models/local/hidden/settings`, {
      ...settings,
      headers: { Authorization: `Bearer ${accessToken}` },
    });
    expect(await changed.json()).toEqual({ private: false });
    expect(await repoExists(anonymous)).toBe(true);
    expect((await fetch(`${hub.url}/api/models/local/hidden/settings`, settings)).status).toBe(401);
    expect(await statusOf(deleteFile({ ...anonymous, accessToken: rivalToken, path: ".gitattributes" }))).toBe(403);
  });

  test("names that would leave the folder are refused", async () => {
    for (const name of ["..%2f..%2fetc", "%2e%2e", "a%00b", ".git"]) {
      const response = await fetch(`${hub.url}/api/models/local/${name}`);
      expect(response.status, name).toBeGreaterThanOrEqual(400);
    }
  });
});

describe("files", () => {
  test("small files inline, large ones by LFS whole and in parts; every byte comes back", async () => {
    const small = await bigFile("small.json", 900);
    const whole = await bigFile("whole.safetensors", 40_000);
    const parts = await bigFile("parts.safetensors", 170_001);
    await createRepo(owned("local/files"));
    const output = await uploadFiles({
      ...owned("local/files"),
      files: [
        { path: "config.json", content: small.file },
        { path: "whole.safetensors", content: whole.file },
        { path: "deep/er/parts.safetensors", content: parts.file },
        { path: "empty.txt", content: new Blob([]) },
      ],
    });
    expect(output?.commit.oid).toMatch(/^[0-9a-f]{40}$/);
    const revision = output!.commit.oid;
    const wanted: [string, Uint8Array][] = [
      ["config.json", small.bytes],
      ["whole.safetensors", whole.bytes],
      ["deep/er/parts.safetensors", parts.bytes],
      ["empty.txt", new Uint8Array()],
    ];
    for (const [path, bytes] of wanted) {
      const blob = await downloadFile({ ...owned("local/files"), path, revision });
      expect(Buffer.from(await blob!.arrayBuffer()).equals(bytes), path).toBe(true);
    }
    const listed = await collect(listFiles({ ...owned("local/files"), recursive: true, revision }));
    expect(listed.map(({ path }) => path)).toEqual([
      ".gitattributes",
      "config.json",
      "deep",
      "deep/er",
      "deep/er/parts.safetensors",
      "empty.txt",
      "whole.safetensors",
    ]);
    const sha256 = new Bun.CryptoHasher("sha256").update(parts.bytes).digest("hex");
    expect(listed.find(({ path }) => path.startsWith("deep/er/"))).toMatchObject({
      size: 170_001,
      lfs: { oid: sha256 },
    });
    // Git's own id of the empty blob.
    expect(listed.find(({ path }) => path === "empty.txt")?.oid).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  });

  test("a folder alone, paths, a missing entry, a missing revision", async () => {
    const under = await collect(listFiles({ ...owned("local/files"), path: "deep" }));
    expect(under.map(({ path, type }) => [path, type])).toEqual([["deep/er", "directory"]]);
    expect(await statusOf(collect(listFiles({ ...owned("local/files"), path: "nowhere" })))).toBe(404);
    const infos = await pathsInfo({ ...owned("local/files"), paths: ["deep", "config.json", "no"], expand: true });
    expect(infos.map(({ path, type }) => [path, type])).toEqual([
      ["config.json", "file"],
      ["deep", "directory"],
    ]);
    expect(infos[0]!.lastCommit.title).toBe("Add 4 files");
    expect(await fileExists({ ...owned("local/files"), path: "no" })).toBe(false);
    expect(await downloadFile({ ...owned("local/files"), path: "no" })).toBeNull();
    expect(await statusOf(modelInfo({ name: "local/files", hubUrl: hub.url, revision: "f".repeat(40) }))).toBe(404);
  });

  test("ranges", async () => {
    const url = `${hub.url}/local/files/resolve/main/deep/er/parts.safetensors`;
    const whole = new Uint8Array(await (await fetch(url)).arrayBuffer());
    for (const [range, from, to] of [
      ["bytes=0-0", 0, 1],
      ["bytes=100-199", 100, 200],
      ["bytes=170000-", 170_000, 170_001],
      ["bytes=-7", 169_994, 170_001],
      ["bytes=5-999999999", 5, 170_001],
    ] as const) {
      const response = await fetch(url, { headers: { Range: range } });
      expect([response.status, response.headers.get("Content-Range")]).toEqual([206, `bytes ${from}-${to - 1}/170001`]);
      expect(Buffer.from(await response.arrayBuffer()).equals(whole.subarray(from, to)), range).toBe(true);
    }
    expect((await fetch(url, { headers: { Range: "bytes=170001-" } })).status).toBe(416);
    const head = await fetch(url, { method: "HEAD" });
    const info = await fileDownloadInfo({ ...owned("local/files"), path: "deep/er/parts.safetensors" });
    expect(head.headers.get("Content-Length")).toBe("170001");
    expect(head.headers.get("X-Repo-Commit")).toMatch(/^[0-9a-f]{40}$/);
    expect(info).toMatchObject({ size: 170_001, etag: head.headers.get("X-Linked-ETag")! });
  });

  test("the library reads a safetensors header by ranges", async () => {
    const header = Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const file = new Blob([length, header, new Uint8Array(24)]);
    await uploadFiles({ ...owned("local/files"), files: [{ path: "model.safetensors", content: file }] });
    const metadata = await parseSafetensorsMetadata({ ...owned("local/files"), computeParametersCount: true });
    expect(metadata.parameterCount).toEqual({ F32: 6 });
  });

  test("history, branches, deletion, a stale parent", async () => {
    await createRepo(owned("local/history"));
    const first = await uploadFiles({
      ...owned("local/history"),
      files: [{ path: "a/one.txt", content: new Blob(["1"]) }],
    });
    await createBranch({ ...owned("local/history"), branch: "dev/x" });
    await deleteFile({ ...owned("local/history"), path: "a/one.txt" });
    expect(await countCommits(owned("local/history"))).toBe(3);
    const titles = (await collect(listCommits({ ...owned("local/history"), batchSize: 2 }))).map(({ title }) => title);
    expect(titles).toEqual(["Delete a/one.txt", "Add 1 files", "initial commit"]);
    expect(await fileExists({ ...owned("local/history"), path: "a/one.txt" })).toBe(false);
    expect(await fileExists({ ...owned("local/history"), path: "a/one.txt", revision: "dev/x" })).toBe(true);
    const stale = commit({
      ...owned("local/history"),
      title: "late",
      operations: [{ operation: "addOrUpdate", path: "b", content: new Blob(["2"]) }],
      parentCommit: first!.commit.oid,
    });
    expect(await statusOf(stale)).toBe(412);
    const refs = await (await fetch(`${hub.url}/api/models/local/history/refs`)).json();
    expect(refs.branches.map(({ name }: { name: string }) => name)).toEqual(["main", "dev/x"]);
    await deleteBranch({ ...owned("local/history"), branch: "dev/x" });
    expect(await fileExists({ ...owned("local/history"), path: "a/one.txt", revision: first!.commit.oid })).toBe(true);
  });

  test("paths that would leave a folder are refused", async () => {
    for (const path of ["../x", "/etc/x", "a//b", "a/./b", "a\u0000b", ".git/config", "x\\y", ""]) {
      const refused = uploadFiles({ ...owned("local/files"), files: [{ path, content: new Blob(["x"]) }] });
      expect(await statusOf(refused), path).toBe(400);
    }
  });

  test("bytes that are not what was announced are not stored", async () => {
    const announced = { oid: "0".repeat(64), size: 2000 };
    const batch = await fetch(`${hub.url}/local/files.git/info/lfs/objects/batch`, {
      method: "POST",
      headers: { Authorization: `Bearer ${accessToken}` },
      body: JSON.stringify({ operation: "upload", transfers: ["basic"], objects: [announced] }),
    });
    const { href } = (await batch.json()).objects[0].actions.upload;
    expect((await fetch(href, { method: "PUT", body: new Uint8Array(2000) })).status).toBe(400);
    expect((await fetch(href, { method: "PUT", body: new Uint8Array(9000) })).status).toBe(413);
    expect((await fetch(`${href}0`, { method: "PUT", body: "" })).status).toBe(403);
  });
});

describe("the hub itself", () => {
  test("starts again on its folder with everything in it", async () => {
    const before = await collect(listFiles({ ...owned("local/files"), recursive: true }));
    await hub.close();
    hub = await startHub(options());
    expect(hub.accounts[0]!.token).toBe(accessToken);
    expect(await collect(listFiles({ ...owned("local/files"), recursive: true }))).toEqual(before);
  });

  test("faults: a status, a cut, wrong bytes, more bytes than there are", async () => {
    const url = `${hub.url}/local/files/resolve/main/whole.safetensors`;
    const expected = Buffer.from(await Bun.file(join(scratch, "whole.safetensors")).arrayBuffer());
    hub.setFaults({ "http-429": 1 });
    const limited = await fetch(url);
    expect([limited.status, limited.headers.get("Retry-After")]).toEqual([429, "0"]);
    hub.setFaults({ cut: 1 });
    expect(
      await fetch(url)
        .then((response) => response.arrayBuffer())
        .catch(() => "cut"),
    ).toBe("cut");
    hub.setFaults({ "wrong-bytes": 1 });
    const wrong = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect([wrong.length, wrong.equals(expected)]).toEqual([expected.length, false]);
    hub.setFaults({ oversize: 1 });
    expect((await (await fetch(url)).arrayBuffer()).byteLength).toBeGreaterThan(expected.length);
    hub.setFaults({});
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(expected)).toBe(true);
  });
});
