/** Downloads from a real local hub, from one that fails, and from one that lies. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, symlink, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { InterruptedError } from "../base/errors.ts";
import { type RunningHub, startHub } from "../localnet/hub/server.ts";
import { pauseMs } from "./bounds.ts";
import { commitFiles, createRepository, listFiles, whoAmI } from "./client.ts";
import { connectHub, type Hub } from "./connection.ts";
import { downloadModel } from "./download.ts";
import { listModel, readRange } from "./inspect.ts";
import { isLoaderFile, pathProblem } from "./loader-files.ts";

const quick = {
  backOffMsFirst: 1,
  backOffMsMax: 5,
  answerMsMax: 2000,
  idleMsMax: 300,
  attemptsMax: 4,
  entriesMax: 50,
};
const repo = "local/model";
const parameters = new Uint8Array(3_000_000).map((_, index) => (index * 2654435761) >>> 23);
const contents: Readonly<Record<string, Uint8Array>> = {
  "config.json": Buffer.from('{"model_type":"llama"}'),
  "model.safetensors": parameters,
  "tokenizer.json": Buffer.from("{}"),
  "README.md": Buffer.from("# not part of the model"),
  "onnx/model.safetensors": Buffer.from("not at the top"),
};

let scratch: string;
let server: RunningHub;
let hub: Hub;
let revision: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "download-"));
  server = await startHub({ folder: join(scratch, "hub"), regularBytesMax: 100_000, partBytes: 1_000_000 });
  hub = connectHub({ url: `${server.url}/`, token: server.accounts[0]!.token, bounds: quick });
  await createRepository(hub, { repo, private: true });
  const committed = await commitFiles(hub, {
    repo,
    title: "model",
    operations: Object.entries(contents).map(([path, bytes]) => ({
      operation: "addOrUpdate",
      path,
      content: new Blob([new Uint8Array(bytes)]),
    })),
  });
  if (committed.kind !== "ok") throw new Error(committed.detail);
  revision = committed.value.revision;
});
afterAll(async () => {
  await server.close();
  await rm(scratch, { recursive: true, force: true });
});

let folders = 0;
const newFolder = () => join(scratch, `model-${folders++}`);
const download = (folder: string, more: object = {}, from = hub) =>
  downloadModel(from, { repo, revision, folder, bytesMax: 1e9, ...more });

async function expectModel(folder: string): Promise<void> {
  expect((await readdir(folder)).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  for (const name of await readdir(folder))
    expect(Buffer.from(await Bun.file(join(folder, name)).arrayBuffer()).equals(contents[name]!), name).toBe(true);
}

describe("what is there, undownloaded", () => {
  test("the files of a model and all bytes of the revision", async () => {
    const listed = await listModel(hub, { repo, revision });
    if (listed.kind !== "ok") throw new Error(listed.detail);
    expect(listed.value.files.map(({ path }) => path)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(listed.value.repositoryBytes).toBeGreaterThan(listed.value.modelBytes);
    const sha256 = new Bun.CryptoHasher("sha256").update(parameters).digest("hex");
    expect(listed.value.files[1]).toMatchObject({ sizeBytes: parameters.length, sha256 });
  });

  test("ranges of bytes, at the ends too", async () => {
    for (const [from, to] of [
      [0, 8],
      [1000, 5000],
      [parameters.length - 3, parameters.length + 100],
      [parameters.length + 5, parameters.length + 9],
      [7, 7],
    ] as const) {
      const read = await readRange(hub, { repo, revision, path: "model.safetensors", from, to });
      if (read.kind !== "ok") throw new Error(read.detail);
      expect(Buffer.from(read.value).equals(parameters.slice(from, to)), `${from}-${to}`).toBe(true);
    }
  });

  test("pages of a tree are followed up to the bound", async () => {
    const few = { ...hub, bounds: { ...hub.bounds, entriesMax: 3 } };
    expect(await listFiles(few, { repo, revision })).toMatchObject({ kind: "invalid", reason: "too-many-files" });
  });
});

describe("a download", () => {
  test("brings the loader's files alone, with their digests and its progress", async () => {
    const folder = newFolder();
    const seen: number[] = [];
    const outcome = await download(folder, {
      onProgress: ({ doneBytes }: { doneBytes: number }) => seen.push(doneBytes),
    });
    if (outcome.kind !== "downloaded") throw new Error(outcome.detail);
    await expectModel(folder);
    expect(outcome.files.map(({ sha256 }) => sha256)).toEqual(
      ["config.json", "model.safetensors", "tokenizer.json"].map((name) =>
        new Bun.CryptoHasher("sha256").update(contents[name]!).digest("hex"),
      ),
    );
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(outcome.bytes);
  });

  test("asks again only for what is missing or damaged", async () => {
    const folder = newFolder();
    await download(folder);
    await truncate(join(folder, "model.safetensors"), 1000);
    await Bun.write(join(folder, "config.json"), '{"model_type":"lLama"}');
    expect((await download(folder)).kind).toBe("downloaded");
    await expectModel(folder);
  });

  test("goes on from the bytes of an earlier one", async () => {
    const folder = newFolder();
    await Bun.write(join(folder, "model.safetensors.part"), parameters.slice(0, 2_999_000));
    const before = await rangesAsked(() => download(folder));
    expect(before).toContain("bytes=2999000-");
    await expectModel(folder);
  });

  test("throws away a part that belongs to other bytes", async () => {
    const folder = newFolder();
    await Bun.write(join(folder, "model.safetensors.part"), new Uint8Array(4_000_000));
    expect((await download(folder)).kind).toBe("downloaded");
    await expectModel(folder);
  });

  test("does not write through a link that lies where a file belongs", async () => {
    const folder = newFolder();
    const victim = join(scratch, "victim");
    await Bun.write(victim, "precious");
    await Bun.write(join(folder, "x"), "");
    await rm(join(folder, "x"));
    await symlink(victim, join(folder, "config.json"));
    expect((await download(folder)).kind).toBe("downloaded");
    expect(await Bun.file(victim).text()).toBe("precious");
    await expectModel(folder);
  });

  test("stops at once when it is interrupted", async () => {
    const controller = new AbortController();
    const work = download(newFolder(), { signal: controller.signal, onProgress: () => controller.abort() });
    expect(await work.catch((error) => error)).toBeInstanceOf(InterruptedError);
  });

  test("above the limit nothing is downloaded", async () => {
    const folder = newFolder();
    expect(await download(folder, { bytesMax: 3_000_000 })).toMatchObject({ kind: "invalid", reason: "too-large" });
    expect(await Bun.file(join(folder, "config.json")).exists()).toBe(false);
  });

  test("missing, private, unknown revision: the owner's fault; a wrong token: ours", async () => {
    const missing = { kind: "invalid", reason: "repository-missing" } as const;
    expect(await download(newFolder(), { repo: "local/none" })).toMatchObject(missing);
    expect(await download(newFolder(), { repo: "../../etc" })).toMatchObject(missing);
    const anonymous = connectHub({ url: server.url, bounds: quick });
    expect(await download(newFolder(), {}, anonymous)).toMatchObject(missing);
    const unknown = await download(newFolder(), { revision: "f".repeat(40) });
    expect(unknown).toMatchObject({ kind: "invalid", reason: "revision-missing" });
    const wrong = connectHub({ url: server.url, token: "hf_wrong", bounds: quick });
    expect(await download(newFolder(), {}, wrong)).toMatchObject({ kind: "refused", reason: "token-invalid" });
    const nonsense = connectHub({ url: server.url, token: "wrong", bounds: quick });
    expect(await whoAmI(nonsense)).toMatchObject({ kind: "refused", reason: "token-invalid" });
  });
});

describe("a hub that fails", () => {
  test("now and then: the model arrives all the same", async () => {
    server.setFaults({ "http-429": 0.15, "http-503": 0.15, cut: 0.5 });
    const folder = newFolder();
    let outcome = await download(folder);
    for (let again = 0; outcome.kind === "retry" && again < 20; again++) outcome = await download(folder);
    server.setFaults({});
    expect(outcome.kind).toBe("downloaded");
    await expectModel(folder);
  });

  test.each([
    [{ "http-500": 1 }, "server-error"],
    [{ "http-429": 1 }, "rate-limited"],
    [{ "http-404": 1 }, "answer-malformed"],
    [{ hang: 1 }, "timeout"],
    [{ "wrong-bytes": 1 }, "transfer-corrupt"],
    [{ oversize: 1 }, "transfer-corrupt"],
  ] as const)("always with %j: to be retried, for %s", async (faults, reason) => {
    const bounds = { ...quick, answerMsMax: 100, attemptsMax: 2 };
    const impatient = connectHub({ url: server.url, token: hub.token, bounds });
    const folder = newFolder();
    server.setFaults(faults);
    const outcome = await download(folder, {}, impatient);
    server.setFaults({});
    expect(outcome).toMatchObject({ kind: "retry", reason });
    expect(await Bun.file(join(folder, "model.safetensors")).exists()).toBe(false);
  });

  test("nobody listens", async () => {
    const nobody = connectHub({ url: "http://127.0.0.1:1", bounds: { ...quick, attemptsMax: 2 } });
    expect(await download(newFolder(), {}, nobody)).toMatchObject({ kind: "retry", reason: "unreachable" });
  });
});

describe("a hub that lies", () => {
  const tree = (entries: object[]) => () => Response.json(entries);
  const file = { type: "file", oid: "0".repeat(40), size: 5, path: "config.json" };

  async function against(answers: Readonly<Record<string, (request: Request) => Response>>) {
    using liar = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        const found = Object.keys(answers).find((part) => new URL(request.url).pathname.includes(part));
        return found === undefined ? new Response("no", { status: 404 }) : answers[found]!(request);
      },
    });
    // Awaited here, since the server goes when this returns.
    return await download(newFolder(), {}, connectHub({ url: liar.url.href, token: "hf_secret", bounds: quick }));
  }

  test.each([
    "../config.json",
    "/config.json",
    "a/../../x",
    "a\u0000b",
    "a\\b",
    "c\u202eonfig.json",
    "model.safetensors\n",
  ])("the path %j is refused", async (path) => {
    expect(await against({ "/tree/": tree([{ ...file, path }]) })).toMatchObject({
      kind: "invalid",
      reason: path.includes("\u202e") ? "no-model-files" : "path-refused",
    });
  });

  test("twins in upper and lower case are refused", async () => {
    const twins = tree([
      { ...file, path: "a.safetensors" },
      { ...file, path: "A.safetensors" },
    ]);
    expect(await against({ "/tree/": twins })).toMatchObject({ kind: "invalid", reason: "path-refused" });
  });

  test("a tree that is not a tree, or has no end", async () => {
    const malformed = { kind: "retry", reason: "answer-malformed" };
    expect(await against({ "/tree/": () => new Response("<html>") })).toMatchObject(malformed);
    expect(await against({ "/tree/": () => Response.json({ a: 1 }) })).toMatchObject(malformed);
    expect(await against({ "/tree/": tree([{ ...file, size: -1 }]) })).toMatchObject(malformed);
    const endless = (request: Request) =>
      Response.json([file], { headers: { Link: `<${request.url.replace(/\?.*/, "")}?cursor=1>; rel="next"` } });
    expect(await against({ "/tree/": endless })).toMatchObject({ kind: "invalid", reason: "too-many-files" });
  });

  test("bytes without end are cut off where the file should have ended", async () => {
    let sent = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += 65_536;
            controller.enqueue(new Uint8Array(65_536));
          },
        }),
      );
    const outcome = await against({ "/tree/": tree([file]), "/resolve/": endless });
    expect(outcome).toMatchObject({ kind: "retry", reason: "transfer-corrupt" });
    expect(sent).toBeLessThan(20 * 2 ** 20);
  });

  test("a redirect to another machine does not carry the token there", async () => {
    const asked: (string | null)[] = [];
    using elsewhere = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        asked.push(request.headers.get("Authorization"));
        return new Response("hello");
      },
    });
    const target = elsewhere.url.href.replace("127.0.0.1", "localhost");
    await against({ "/tree/": tree([file]), "/resolve/": () => Response.redirect(target) });
    expect(asked.length).toBeGreaterThan(0);
    expect(new Set(asked)).toEqual(new Set([null]));
  });
});

describe("names", () => {
  test("what a loader reads is a plain name at the top, whatever the path", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (path) => {
        if (isLoaderFile(path) && pathProblem(path) === null) expect(path).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
      }),
    );
    for (const path of [
      "config.json",
      "model-00001-of-00002.safetensors",
      "model.safetensors.index.json",
      "merges.txt",
    ])
      expect([isLoaderFile(path), pathProblem(path)]).toEqual([true, null]);
    for (const path of ["README.md", "a/config.json", "pytorch_model.bin", "modeling_x.py"])
      expect(isLoaderFile(path)).toBe(false);
  });

  test("the pause that a hub asks for", () => {
    const asked = (headers: Record<string, string>) => pauseMs(new Headers(headers));
    expect(asked({ "Retry-After": "7" })).toBe(7000);
    // By the hub's clock on both ends, whatever ours says.
    const dates = { Date: "Thu, 01 Jan 2026 00:00:00 GMT", "Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT" };
    expect(asked(dates)).toBe(30_000);
    expect(asked({ "Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT" })).toBeUndefined();
    expect(asked({ RateLimit: '"api";r=0;t=55' })).toBe(55_000);
    expect(asked({ RateLimit: '"api";r=12;t=55' })).toBeUndefined();
    expect(asked({})).toBeUndefined();
  });
});

/** The Range headers that reach the hub while something runs, seen by a server between. */
async function rangesAsked(work: () => Promise<unknown>): Promise<(string | null)[]> {
  const asked: (string | null)[] = [];
  using between = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      asked.push(request.headers.get("Range"));
      const { pathname, search } = new URL(request.url);
      return fetch(`${server.url}${pathname}${search}`, { headers: request.headers });
    },
  });
  const direct = hub;
  hub = connectHub({ url: between.url.href, token: direct.token, bounds: quick });
  await work().finally(() => {
    hub = direct;
  });
  return asked;
}
