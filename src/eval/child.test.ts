import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InterruptedError } from "../base/errors.ts";
import { startModelChild } from "./child.ts";
import type { LossSample } from "./sample.ts";

const folder = mkdtempSync(join(tmpdir(), "child-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let scripts = 0;
/** A child that is not ours: a program that reads its requests as lines and does something else with them. */
function impostor(body: string): string[] {
  const path = join(folder, `${scripts++}.ts`);
  writeFileSync(path, `const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");\n${body}`);
  return [process.execPath, path];
}
const onRequest = (body: string) => `
let lines = 0;
for await (const line of console) { if (lines++ > 0) { const request = JSON.parse(line); ${body} } }`;

const samples: LossSample[] = [0, 1, 2].map((first) => ({ kind: "loss", ids: [first, 1], scoredFrom: 1 }));
const loss = `{ kind: "loss", lossNatsMean: index, tokensScored: 1 }`;

describe("a model's child process", () => {
  test("streams a result for every sample, then the whole", async () => {
    const command = impostor(
      onRequest(
        `for (const index of [2, 0, 1]) say({ kind: "result", index, result: ${loss} }); say({ kind: "done" });`,
      ),
    );
    const child = startModelChild({ folder, command });
    const seen: number[] = [];
    const outcome = await child.score(samples, { onResult: (index) => seen.push(index) });
    expect(seen).toEqual([2, 0, 1]);
    expect(
      outcome.kind === "done" && outcome.results.map((result) => result.kind === "loss" && result.lossNatsMean),
    ).toEqual([0, 1, 2]);
    await child.close();
  });

  test("a verdict about the model is handed on, and the child stays usable", async () => {
    const command = impostor(
      onRequest(`say({ kind: "invalid", reason: "config-unsupported", detail: request.kind });`),
    );
    const child = startModelChild({ folder, command });
    expect(await child.describe()).toEqual({ kind: "invalid", reason: "config-unsupported", detail: "describe" });
    expect(await child.scan()).toEqual({ kind: "invalid", reason: "config-unsupported", detail: "scan" });
    await child.close();
  });

  const crashes: [string, string, string, RegExp][] = [
    [
      "exits",
      onRequest(`console.error("no more"); process.exit(3);`),
      "child-crashed",
      /exit code 3; it said: no more/,
    ],
    [
      "says at length why it dies",
      onRequest(`console.error("panicked at 3:1\\nno room\\n" + "  0: 0x7f\\n".repeat(1000)); process.exit(3);`),
      "child-crashed",
      /it said: panicked at 3:1 no room$/,
    ],
    ["is killed by a signal", onRequest(`process.kill(process.pid, "SIGSEGV");`), "child-crashed", /SIGSEGV/],
    [
      "is killed by the system",
      onRequest(`process.kill(process.pid, "SIGKILL");`),
      "out-of-memory",
      /killed by the system/,
    ],
    ["writes what is not JSON", onRequest(`process.stdout.write("{nonsense\\n");`), "protocol", /unexpected line/],
    ["writes bytes", onRequest(`process.stdout.write(new Uint8Array([0, 255, 10]));`), "protocol", /unexpected line/],
    [
      "answers what was not asked",
      onRequest(`say({ kind: "result", index: 7, result: {} });`),
      "protocol",
      /unexpected result/,
    ],
    ["is done too early", onRequest(`say({ kind: "done" });`), "protocol", /3 results are missing/],
    [
      "speaks unasked",
      `say({ kind: "done" }); await Bun.sleep(60000);`,
      "protocol",
      /unexpected line|results are missing/,
    ],
    [
      "answers one sample twice",
      onRequest(`const index = 0; for (let i = 0; i < 2; i++) say({ kind: "result", index, result: ${loss} });`),
      "protocol",
      /unexpected result/,
    ],
    ["hangs", onRequest(`for (;;) {}`), "timed-out", /no result for 1 s/],
    [
      "talks for ever on one line",
      onRequest(`for (;;) { process.stdout.write("x".repeat(65536)); await Bun.sleep(0); }`),
      "output-too-large",
      /a line of more than 1000000 bytes/,
    ],
    [
      "takes memory",
      onRequest(`const kept = []; for (;;) { kept.push(new Uint8Array(1 << 24).fill(1)); await Bun.sleep(2); }`),
      "out-of-memory",
      /of anonymous memory, the limit is 400000000/,
    ],
  ];
  for (const [name, body, reason, detail] of crashes) {
    test(`that ${name} costs its own requests only`, async () => {
      const limits = { silenceSecondsMax: 1, lineBytesMax: 1_000_000, memoryBytesMax: 400_000_000 };
      const child = startModelChild({
        folder,
        command: impostor(body),
        limits: name === "hangs" ? limits : { ...limits, silenceSecondsMax: 30 },
      });
      const outcome = await child.score(samples);
      expect(outcome).toMatchObject({ kind: "failed", reason, detail: expect.stringMatching(detail) });
      expect(await child.scan()).toEqual(outcome as never);
      await child.close();
    });
  }

  test("that does not exist is a failure too", async () => {
    const child = startModelChild({ folder, command: [join(folder, "nothing")] });
    expect(await child.describe()).toMatchObject({ kind: "failed", reason: "child-crashed" });
    await child.close();
  });

  test("opens no more files than it may", async () => {
    const command = impostor(
      `import { openSync } from "node:fs";\n${onRequest(`for (;;) openSync("/dev/null", "r");`)}`,
    );
    const child = startModelChild({ folder, command, limits: { openFilesMax: 64 } });
    expect(await child.describe()).toMatchObject({ kind: "failed", detail: expect.stringContaining("EMFILE") });
    await child.close();
  });

  test("does not inherit secrets", async () => {
    process.env.HF_TOKEN = "hf_secret";
    const command = impostor(
      onRequest(`say({ kind: "invalid", reason: "environment", detail: Object.keys(process.env).sort().join() });`),
    );
    const child = startModelChild({ folder, command });
    const outcome = await child.describe();
    delete process.env.HF_TOKEN;
    expect(outcome).toMatchObject({ kind: "invalid", detail: expect.not.stringContaining("TOKEN") });
    await child.close();
  });

  test("ends when it is aborted, and says so by throwing", async () => {
    const abort = new AbortController();
    const child = startModelChild({ folder, command: impostor(onRequest(`for (;;) {}`)), signal: abort.signal });
    const outcome = child.score(samples);
    setTimeout(() => abort.abort(), 200);
    expect(outcome).rejects.toThrow(InterruptedError);
    await outcome.catch(() => undefined);
    await child.close();
    expect(child.describe()).rejects.toThrow(InterruptedError);
  });

  test("hands the caller's own mistake back to the caller", async () => {
    const command = impostor(onRequest(`const index = 0; say({ kind: "result", index, result: ${loss} });`));
    const child = startModelChild({ folder, command });
    const outcome = child.score(samples, {
      onResult() {
        throw new Error("disk full");
      },
    });
    expect(outcome).rejects.toThrow("disk full");
    await outcome.catch(() => undefined);
    await child.close();
  });
});
