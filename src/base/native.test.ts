import { afterEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extractNative, type NativeFile } from "./native.ts";

const scratch = mkdtempSync(join(tmpdir(), "finetune-native-"));
const cache = join(scratch, "cache");
afterEach(() => rmSync(cache, { recursive: true, force: true }));

function library(name: string, size: number): { file: NativeFile; bytes: Uint8Array } {
  const bytes = new Uint8Array(size).map((_, index) => (index * 31) % 251);
  const source = join(scratch, `${name}.zst`);
  writeFileSync(source, Bun.zstdCompressSync(bytes));
  return { bytes, file: { name, source, sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex") } };
}

test("extracts all files into one folder and leaves no part behind", () => {
  const [first, second] = [library("a.so", 100_000), library("b.node", 10)];
  const folder = extractNative(cache, [first.file, second.file]);
  expect(readdirSync(folder).sort()).toEqual(["a.so", "b.node"]);
  expect(readFileSync(join(folder, "a.so")).equals(first.bytes)).toBe(true);
});

test("replaces a truncated and a tampered file", () => {
  const { file, bytes } = library("a.so", 50_000);
  const path = join(extractNative(cache, [file]), "a.so");
  chmodSync(path, 0o700);
  truncateSync(path, 17);
  extractNative(cache, [file]);
  expect(readFileSync(path).equals(bytes)).toBe(true);
  chmodSync(path, 0o700);
  writeFileSync(path, Buffer.from(bytes).fill(7, 100, 101));
  extractNative(cache, [file]);
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

test("many processes may extract at the same moment", async () => {
  const { file, bytes } = library("large.so", 3_000_000);
  const code = `import { extractNative } from ${JSON.stringify(join(import.meta.dir, "native.ts"))};
    process.stdout.write(extractNative(${JSON.stringify(cache)}, [${JSON.stringify(file)}]));`;
  const children = Array.from({ length: 6 }, () => Bun.spawn([process.execPath, "-e", code], { stdout: "pipe" }));
  const folders = await Promise.all(children.map((child) => new Response(child.stdout).text()));
  expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(new Set(folders).size).toBe(1);
  expect(readFileSync(join(folders[0]!, "large.so")).equals(bytes)).toBe(true);
  expect(readdirSync(folders[0]!)).toEqual(["large.so"]);
});

test("an unusable cache folder is the operator's to mend", () => {
  const { file } = library("a.so", 10);
  expect(() => extractNative("/proc/nothing", [file])).toThrow("Cannot extract the native libraries");
});
