/** `mine check` against a local subnet, with rivals that really published. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

let subnet: TestSubnet;
beforeAll(async () => {
  subnet = await startTestSubnet(["dora"]);
  await publishTiny(subnet, "dora", 9n);
}, 120_000);
afterAll(() => subnet.close());

interface Report {
  readonly verdict: string;
  readonly problems: readonly { readonly reason: string }[];
  readonly score: number | null;
  readonly rivals: readonly { readonly name: string; readonly score: number; readonly improvementNeeded: number }[];
}

async function check(folder: string): Promise<{ code: number; report: Report }> {
  const args = ["mine", "check", folder, "--competition", "1", "--competitions", "demo", "--json", "--threads", "1"];
  const { code, out, err } = await subnet.finetune(args);
  expect(err).not.toMatch(/assertion|✖/);
  return { code, report: JSON.parse(out) as Report };
}

test("a copy of what is published already is not worth publishing: it must be better by ε", async () => {
  const folder = join(subnet.dir, "copy");
  cpSync(join(subnet.dir, "model-dora"), folder, { recursive: true });
  const { code, report } = await check(folder);
  expect(report.rivals.map(({ name }) => name)).toEqual(["local/dora"]);
  expect(report.score).toBe(report.rivals[0]!.score);
  expect(report.rivals[0]!.improvementNeeded).toBeGreaterThan(0);
  expect({ code, verdict: report.verdict }).toEqual({ code: 1, verdict: "not-yet" });
}, 60_000);

test("a trained model is worth publishing", async () => {
  const [base, out] = [join(subnet.dir, "model-dora"), join(subnet.dir, "trained")];
  const args = ["--base", base, "--out", out, "--steps", "60", "--threads", "1", "--seed", "3"];
  expect((await subnet.finetune(["mine", "train", ...args])).code).toBe(0);
  const { code, report } = await check(out);
  expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: "publish" });
}, 120_000);

test("what validators refuse is refused with their reason", async () => {
  const folder = join(subnet.dir, "damaged");
  await writeBaseModel(folder, 1n);
  await Bun.write(join(folder, "model.safetensors"), "damaged");
  const { code, report } = await check(folder);
  expect(report).toMatchObject({ verdict: "not-yet", score: null });
  expect(report.problems).toHaveLength(1);
  expect(code).toBe(1);
}, 60_000);
