import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a process that runs a session leaves in a fresh home folder. */
async function leftBehind(prelude: string): Promise<string[]> {
  const home = mkdtempSync(join(tmpdir(), "finetune-telemetry-"));
  const code = `${prelude}; const { InferenceSession } = await import("onnxruntime-node");
    await InferenceSession.create(new Uint8Array(8)).catch(() => {});`;
  const child = Bun.spawn([process.execPath, "-e", code], {
    cwd: import.meta.dir,
    env: { PATH: process.env.PATH ?? "", HOME: home },
    stdout: "ignore",
    stderr: "ignore",
  });
  await child.exited;
  try {
    return existsSync(home)
      ? (readdirSync(home, { recursive: true }) as string[]).filter((path) => /onnxruntime|Microsoft/.test(path))
      : [];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

test("the runtime writes no device id and no event database", async () => {
  expect(await leftBehind(`await import("./no-telemetry.ts")`)).toEqual([]);
});

test("without it, it would: the day that this fails the import can go", async () => {
  expect(await leftBehind("")).not.toEqual([]);
});
