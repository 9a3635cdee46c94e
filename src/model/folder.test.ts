import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openModelFolder } from "./folder.ts";
import { refuseNonFinite, scanParameters } from "./parameters.ts";

const root = mkdtempSync(join(tmpdir(), "folder-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

type Files = Readonly<Record<string, string | Uint8Array | null>>;
const f32 = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
const honest: Files = { "config.json": "{}", "model.safetensors": safetensors({ a: f32 }, 8) };

function safetensors(header: unknown, data: number | Uint8Array): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return Buffer.concat([length, json, typeof data === "number" ? new Uint8Array(data) : data]);
}

function makeFolder(files: Files): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) if (content !== null) writeFileSync(join(folder, name), content);
  return folder;
}

describe("a model's folder", () => {
  test("gives the config and the tensors, where they lie", async () => {
    const folder = makeFolder({ ...honest, "generation_config.json": '{"eos_token_id":2}' });
    expect(await openModelFolder(folder)).toMatchObject({
      kind: "model-folder",
      path: folder,
      config: {},
      generationConfig: { eos_token_id: 2 },
      tensorsBytes: 8,
      tensors: new Map([["a", { dtype: "F32", shape: [2], file: join(folder, "model.safetensors"), lengthBytes: 8 }]]),
    });
  });

  test("may itself be a link", async () => {
    const link = join(root, "link");
    symlinkSync(makeFolder(honest), link);
    expect(await openModelFolder(link)).toMatchObject({ kind: "model-folder" });
  });

  const index = (map: unknown) => ({
    "model.safetensors": null,
    "model.safetensors.index.json": JSON.stringify({ weight_map: map }),
  });
  const broken: [string, Files, string][] = [
    ["without config.json", { "config.json": null }, "file-missing"],
    ["without parameters", { "model.safetensors": null }, "file-missing"],
    ["with a list for a config", { "config.json": "[]" }, "json-malformed"],
    ["with a key twice in its config", { "config.json": '{"a":1,"a":2}' }, "json-malformed"],
    [
      "with a config that is nested deeply",
      { "config.json": `{"a":${"[".repeat(50)}${"]".repeat(50)}}` },
      "json-malformed",
    ],
    ["with a config of 2 MB", { "config.json": `{"a":"${"x".repeat(2 << 20)}"}` }, "file-too-large"],
    ["with a config that poses as a verdict", { "config.json": '{"kind":"invalid"}' }, "json-malformed"],
    ["with an empty parameter file", { "model.safetensors": "" }, "file-truncated"],
    [
      "with integers for parameters",
      { "model.safetensors": safetensors({ w: { ...f32, dtype: "I32" } }, 8) },
      "dtype-not-allowed",
    ],
    ["with an index without a map", { ...index(undefined) }, "index-malformed"],
    ["with an index that leads out", { ...index({ a: "../other/model.safetensors" }) }, "index-malformed"],
    ["with an index that leads to an absolute path", { ...index({ a: "/etc/x.safetensors" }) }, "index-malformed"],
    ["with a shard that is missing", { ...index({ a: "b.safetensors" }) }, "file-missing"],
    [
      "with a shard that holds more than its index says",
      {
        ...index({ a: "s.safetensors" }),
        "s.safetensors": safetensors({ a: f32, b: { ...f32, data_offsets: [8, 16] } }, 16),
      },
      "index-mismatch",
    ],
    [
      "with a shard that holds less",
      { ...index({ a: "s.safetensors", b: "s.safetensors" }), "s.safetensors": safetensors({ a: f32 }, 8) },
      "index-mismatch",
    ],
    [
      "with one tensor in two shards",
      {
        ...index({ a: "s.safetensors", b: "t.safetensors" }),
        "s.safetensors": safetensors({ a: f32 }, 8),
        "t.safetensors": safetensors({ a: f32 }, 8),
      },
      "index-mismatch",
    ],
  ];
  for (const [name, files, reason] of broken) {
    test(`${name} is ${reason}`, async () => {
      expect(await openModelFolder(makeFolder({ ...honest, ...files }))).toMatchObject({ kind: "invalid", reason });
    });
  }

  test("that is not there, or is a file", async () => {
    expect(await openModelFolder(join(root, "nowhere"))).toMatchObject({ reason: "folder-missing" });
    writeFileSync(join(root, "file"), "");
    expect(await openModelFolder(join(root, "file"))).toMatchObject({ reason: "folder-missing" });
  });
});

describe("entries that are no plain files", () => {
  const makers: [string, (path: string) => void, string][] = [
    ["a FIFO", (path) => Bun.spawnSync(["mkfifo", path]), "file-not-regular"],
    ["a folder", (path) => mkdirSync(path), "file-not-regular"],
    ["a link to a secret", (path) => symlinkSync("/etc/passwd", path), "file-link-refused"],
    ["a link to a device", (path) => symlinkSync("/dev/zero", path), "file-link-refused"],
    ["a link to a file beside it", (path) => symlinkSync("config.json", path), "file-link-refused"],
    ["a link to itself", (path) => symlinkSync(path, path), "file-link-refused"],
    ["a link to nothing", (path) => symlinkSync("nothing", path), "file-link-refused"],
  ];
  for (const [name, make, reason] of makers) {
    for (const entry of [
      "config.json",
      "model.safetensors",
      "generation_config.json",
      "model.safetensors.index.json",
    ]) {
      test(`${name} as ${entry} is refused and never waited for`, async () => {
        const hidden: Files = entry.endsWith("index.json") ? { "model.safetensors": null } : {};
        const folder = makeFolder({ ...honest, ...hidden, [entry]: null });
        make(join(folder, entry));
        expect(await openModelFolder(folder)).toMatchObject({ kind: "invalid", reason });
      });
    }
  }

  test("links of a Hugging Face cache are followed into its blobs when that is asked for, and nowhere else", async () => {
    const cache = makeFolder({});
    const snapshot = join(cache, "snapshots", "abc");
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(cache, "blobs"));
    for (const [name, content] of Object.entries(honest)) {
      writeFileSync(join(cache, "blobs", `blob-${name}`), content!);
      symlinkSync(join("..", "..", "blobs", `blob-${name}`), join(snapshot, name));
    }
    expect(await openModelFolder(snapshot)).toMatchObject({ reason: "file-link-refused" });
    expect(await openModelFolder(snapshot, { links: "hub-cache" })).toMatchObject({
      tensors: new Map([["a", { file: join(cache, "blobs", "blob-model.safetensors") }]]),
    });
    writeFileSync(join(cache, "outside"), "{}");
    rmSync(join(snapshot, "config.json"));
    symlinkSync(join("..", "..", "outside"), join(snapshot, "config.json"));
    expect(await openModelFolder(snapshot, { links: "hub-cache" })).toMatchObject({ reason: "file-link-refused" });
    rmSync(join(snapshot, "config.json"));
    symlinkSync("/dev/zero", join(snapshot, "config.json"));
    expect(await openModelFolder(snapshot, { links: "hub-cache" })).toMatchObject({ reason: "file-link-refused" });
  });
});

describe("claims of size", () => {
  test("100 GB in the header of a small file", async () => {
    const header = { a: { dtype: "F32", shape: [25_000_000_000], data_offsets: [0, 100_000_000_000] } };
    const folder = makeFolder({ ...honest, "model.safetensors": safetensors(header, 8) });
    expect(await openModelFolder(folder)).toMatchObject({ reason: "tensor-out-of-bounds" });
  });

  test("100 GB of a file that is nearly all hole costs nothing to open", async () => {
    const header = { a: { dtype: "F32", shape: [25_000_000_000], data_offsets: [0, 100_000_000_000] } };
    const bytes = safetensors(header, 0);
    const folder = makeFolder({ ...honest, "model.safetensors": bytes });
    truncateSync(join(folder, "model.safetensors"), bytes.length + 100_000_000_000);
    const before = process.memoryUsage().rss;
    expect(await openModelFolder(folder)).toMatchObject({ kind: "model-folder", tensorsBytes: 100_000_000_000 });
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  test("a header of 100 MB that is one list after the other is refused for what it holds", async () => {
    const text = new Uint8Array(90_000_000).fill(0x5b);
    text.set(new TextEncoder().encode('{"a":'));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
    const folder = makeFolder({ ...honest, "model.safetensors": Buffer.concat([length, text]) });
    expect(await openModelFolder(folder)).toMatchObject({ reason: "header-malformed" });
  });
});

describe("the parameters themselves", () => {
  async function scan(dtype: "F32" | "F16" | "BF16", data: Uint8Array, elements: number) {
    const header = { a: { dtype, shape: [elements], data_offsets: [0, data.length] } };
    const folder = await openModelFolder(makeFolder({ ...honest, "model.safetensors": safetensors(header, data) }));
    if (folder.kind === "invalid") throw new Error(folder.detail);
    const result = await scanParameters(folder.tensors);
    if (result.kind === "invalid") throw new Error(result.detail);
    const nonFinite = result.nonFinite.get("a");
    // The quick look finds the same.
    const refused = await refuseNonFinite(folder.tensors);
    expect(refused?.detail).toBe(
      nonFinite === undefined ? undefined : `tensor a has ${nonFinite} elements that are NaN or infinite`,
    );
    return { norm: result.norms.get("a")!, nonFinite };
  }
  const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

  test("have their norms in every type", async () => {
    // Odd lengths, so that the loop over four leaves a rest; longer than a chunk of the file.
    const count = 1_300_003;
    const values = Float32Array.from({ length: count }, (_, i) => ((i % 17) - 8) / 4);
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    const bf16 = Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
    for (const [dtype, data] of [
      ["F32", values],
      ["F16", new Float16Array(values)],
      ["BF16", bf16],
    ] as const) {
      const result = await scan(dtype, bytesOf(data), count);
      expect(result.norm).toBeCloseTo(norm, 9);
      expect(result.nonFinite).toBeUndefined();
    }
  });

  describe("have a digest that", () => {
    const pair = (first: string, second: string) => ({
      [first]: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
      [second]: { dtype: "F32", shape: [2, 1], data_offsets: [8, 16] },
    });
    const shape2 = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
    const shape21 = { dtype: "F32", shape: [2, 1], data_offsets: [0, 8] };
    const [one, two] = [new Float32Array([1, 2]), new Float32Array([3, 4])].map(bytesOf) as [Uint8Array, Uint8Array];
    const whole: Files = { ...honest, "model.safetensors": safetensors(pair("a", "b"), Buffer.concat([one, two])) };

    async function digest(files: Files): Promise<string> {
      const folder = await openModelFolder(makeFolder(files));
      if (folder.kind === "invalid") throw new Error(folder.detail);
      const result = await scanParameters(folder.tensors);
      if (result.kind === "invalid") throw new Error(result.detail);
      return result.digest;
    }

    test("stays when the files are cut, ordered or described otherwise", async () => {
      const same = await digest(whole);
      const metadata = { __metadata__: { author: "copier" }, ...pair("a", "b") };
      expect(await digest({ ...honest, "model.safetensors": safetensors(metadata, Buffer.concat([one, two])) })).toBe(
        same,
      );
      const swapped = {
        b: { dtype: "F32", shape: [2, 1], data_offsets: [0, 8] },
        a: { dtype: "F32", shape: [2], data_offsets: [8, 16] },
      };
      expect(await digest({ ...honest, "model.safetensors": safetensors(swapped, Buffer.concat([two, one])) })).toBe(
        same,
      );
      const cut = {
        "config.json": "{}",
        "one.safetensors": safetensors({ a: shape2 }, one),
        "two.safetensors": safetensors({ b: shape21 }, two),
        "model.safetensors.index.json": JSON.stringify({ weight_map: { a: "one.safetensors", b: "two.safetensors" } }),
      };
      expect(await digest(cut)).toBe(same);
    });

    const others: [string, unknown, Uint8Array][] = [
      ["a bit", pair("a", "b"), Buffer.concat([one, Uint8Array.from(two, (byte, at) => (at === 0 ? byte ^ 1 : byte))])],
      ["a name", pair("a", "c"), Buffer.concat([one, two])],
      ["a shape", { ...pair("a", "b"), a: { ...shape2, shape: [1, 2] } }, Buffer.concat([one, two])],
      ["which is which", pair("b", "a"), Buffer.concat([one, two])],
    ];
    test.each(others)("changes with %s", async (_, header, data) => {
      expect(await digest({ ...honest, "model.safetensors": safetensors(header, data) })).not.toBe(await digest(whole));
    });
  });

  test("are counted where they are not finite", async () => {
    const floats = new Float32Array([1, Number.NaN, Infinity, -Infinity, 3.4e38, 1e-45]);
    expect((await scan("F32", bytesOf(floats), 6)).nonFinite).toBe(3);
    expect((await scan("F16", bytesOf(new Float16Array([1, Number.NaN, Infinity, 65504, 6e-8])), 5)).nonFinite).toBe(2);
    const bf16 = new Uint16Array([0x7f80, 0xff80, 0x7f81, 0x7f7f, 0x0001]);
    expect((await scan("BF16", bytesOf(bf16), 5)).nonFinite).toBe(3);
    // Every value of 16 bits: two signs, and as many fractions of a full exponent.
    const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
    expect((await scan("F16", bytesOf(all), 65_536)).nonFinite).toBe(2 * 2 ** 10);
    expect((await scan("BF16", bytesOf(all), 65_536)).nonFinite).toBe(2 * 2 ** 7);
    // The largest finite values: their squares must not overflow into a false alarm.
    expect(
      (await scan("F32", bytesOf(new Float32Array(1000).fill(3.4028234663852886e38)), 1000)).nonFinite,
    ).toBeUndefined();
  });
});
