/** The demonstration, as a newcomer runs it: everybody gets what is due, and every number can be checked afterwards. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../src/base/self.ts";

async function finetune(dir: string, args: readonly string[]) {
  const child = Bun.spawn([...selfCommand(...args)], { cwd: dir, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

test("the improver overtakes, who cheats earns nothing, the validators agree, and every state can be replayed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "finetune-demo-"));
  try {
    const { code, out, err } = await finetune(dir, ["demo", "--dir", "demo", "--seed", "3", "--json"]);
    expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
    const { leaderboard, refused, copies, neurons } = JSON.parse(out);

    expect(leaderboard[0]).toMatchObject({ name: "improver", rank: 1, outcome: "scored" });
    const scores = leaderboard.map(({ score }: { score: number }) => score);
    expect(scores).toEqual(scores.toSorted((a: number, b: number) => a - b));
    const weights = leaderboard.reduce((sum: number, row: { subnetWeight: number }) => sum + row.subnetWeight, 0);
    expect(weights).toBeCloseTo(1, 9);

    expect(copies).toMatchObject([{ name: "copier" }]);
    const reasons = new Map(refused.map((row: { name: string; reason: string }) => [row.name, row.reason]));
    expect(reasons.get("mismatched")).toBe("hash-mismatch");
    expect(reasons.get("damaged")).toMatch(/^(tensor-out-of-bounds|file-truncated)$/);

    const byName = new Map<string, Record<string, number>>(
      neurons.map((neuron: { name: string }) => [neuron.name, neuron]),
    );
    expect(byName.get("improver")!.incentive).toBeGreaterThan(0);
    for (const cheat of ["copier", "mismatched", "damaged"]) expect(byName.get(cheat)!.incentive).toBe(0);
    for (const validator of [0, 1, 2])
      expect(byName.get(`validator-${validator}`)!.validatorTrust).toBeGreaterThan(0.9);

    const states = [0, 1, 2].map((index) => join("demo", `validator-${index}.sqlite`));
    for (const db of states)
      expect(await finetune(dir, ["rescore", "--db", db, "--verify"])).toMatchObject({ code: 0 });
    for (const other of states.slice(1))
      expect(await finetune(dir, ["rounds", "diff", states[0]!, other])).toMatchObject({ code: 0 });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, 240_000);
