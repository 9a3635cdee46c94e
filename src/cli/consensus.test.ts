import { describe, expect, test } from "bun:test";
import { selfCommand } from "../base/self.ts";

const fixture = "test/fixtures/consensus.json";

async function finetune(...args: readonly string[]) {
  const child = Bun.spawn([...selfCommand("consensus", ...args)], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

describe("finetune consensus", () => {
  test("shows who earns what, and which weights the consensus cut", async () => {
    const { stdout, code } = await finetune(fixture);
    expect(code).toBe(0);
    expect(stdout).toContain("2 weights are above the consensus");
    expect(stdout).toMatch(/^ +2 +4 +0\.8000 +0\.3000$/m);
  });

  test("--json is exact: the emission adds up but for truncated rao", async () => {
    const { stdout } = await finetune(fixture, "--json");
    const { uids, clipped } = JSON.parse(stdout);
    const total = uids.reduce((sum: number, { emissionRao }: { emissionRao: string }) => sum + Number(emissionRao), 0);
    expect(1e9 - total).toBeGreaterThanOrEqual(0);
    expect(1e9 - total).toBeLessThan(10);
    expect(clipped[0]).toMatchObject({ validator: 2, miner: 4 });
  });

  test("a file that is missing or not JSON is the operator's mistake", async () => {
    expect(await finetune("/nowhere.json")).toMatchObject({ code: 2, stdout: "" });
    const { stderr, code } = await finetune("LICENSE");
    expect(code).toBe(2);
    expect(stderr).toContain("consensus --help");
  });
});
