/** `bun run build [TARGET …]`: the only path to a release binary. The default target is linux-x64. */
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loadPage } from "../src/web/page.ts";
import { nativeAddons, type Target } from "./native.ts";
import { embeddedPage } from "./page.ts";

const targets: readonly Target[] = [
  { name: "linux-x64", bun: "bun-linux-x64", platform: "linux", arch: "x64" },
  { name: "linux-arm64", bun: "bun-linux-arm64", platform: "linux", arch: "arm64" },
  { name: "darwin-arm64", bun: "bun-darwin-arm64", platform: "darwin", arch: "arm64" },
  { name: "windows-x64", bun: "bun-windows-x64", platform: "win32", arch: "x64" },
];

const root = resolve(import.meta.dir, "..");

async function compile(target: Target, outfile: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "finetune-build-"));
  try {
    const result = await Bun.build({
      // After the main program those of its threads, which `threadUrl` finds.
      entrypoints: ["main.ts", "train/optimizer-lane.ts"].map((file) => join(root, "src", file)),
      compile: { target: target.bun, outfile },
      plugins: [nativeAddons(target, scratch), embeddedPage(await loadPage())],
      loader: { ".zst": "file" },
      minify: { whitespace: true, syntax: true },
      sourcemap: "none",
      define: { "process.env.NODE_ENV": '"production"' },
    });
    if (!result.success) throw new AggregateError(result.logs, `the build for ${target.name} failed`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const names = process.argv.slice(2);
const chosen = names.length === 0 ? targets.slice(0, 1) : targets.filter((target) => names.includes(target.name));
if (chosen.length < names.length) {
  console.error(`Unknown target in: ${names.join(" ")}. Known: ${targets.map((target) => target.name).join(", ")}.`);
  process.exit(2);
}
for (const target of chosen) {
  const suffix = target.platform === "win32" ? ".exe" : "";
  const outfile = join(root, "dist", `finetune${names.length === 0 ? "" : `-${target.name}`}${suffix}`);
  await compile(target, outfile);
  if (!existsSync(outfile)) throw new Error(`the build for ${target.name} left no ${outfile}`);
  console.log(`${outfile}  ${(statSync(outfile).size / 1e6).toFixed(1)} MB`);
}
