/** `mine check` against a local subnet, with rivals that really published. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { connectChain } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import type { CompetitionFile } from "../src/competition/competition.ts";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { publishTiny, startTestSubnet, type TestSubnet, writeCompetitions } from "./subnet.ts";

let subnet: TestSubnet;
beforeAll(async () => {
  subnet = await startTestSubnet(["dora", "copier"]);
  await publishTiny(subnet, "dora", 9n);
}, 120_000);
afterAll(() => subnet.close());

interface Report {
  readonly verdict: string;
  readonly model: { readonly kind: string; readonly score?: number; readonly reason?: string };
  readonly rivals: readonly {
    readonly name: string;
    readonly score: number;
    readonly epsilon: number;
    readonly probability: number;
    readonly improvementNeeded: number;
    readonly winsFromBlock: number | null;
  }[];
  readonly replaced: { readonly name: string; readonly probability: number } | null;
  readonly failedRivals: readonly { readonly name: string; readonly reason: string }[];
}

async function check(model: string, ...more: readonly string[]): Promise<{ code: number; report: Report }> {
  const args = ["mine", "check", model, "--competition", "1", "--competitions", "demo", "--json", "--threads", "1"];
  const { code, out, err } = await subnet.finetune([...args, ...more]);
  expect(err).not.toMatch(/assertion|✖/);
  return { code, report: JSON.parse(out) as Report };
}

test("a copy of what is published already is not worth publishing: it must be better by ε", async () => {
  const folder = join(subnet.dir, "copy");
  cpSync(join(subnet.dir, "model-dora"), folder, { recursive: true });
  const { code, report } = await check(folder);
  expect(report.rivals.map(({ name }) => name)).toEqual(["local/dora"]);
  expect(report.model).toEqual({ kind: "measured", score: report.rivals[0]!.score });
  // ε of the demonstration is fixed: half a per cent, and waiting changes nothing.
  expect(report.rivals[0]).toMatchObject({ epsilon: 0.005, probability: 0, winsFromBlock: null });
  expect(report.rivals[0]!.improvementNeeded).toBeCloseTo(0.005, 5);
  expect({ code, verdict: report.verdict }).toEqual({ code: 1, verdict: "not-yet" });
}, 60_000);

test("a trained model is worth publishing", async () => {
  const [base, out] = [join(subnet.dir, "model-dora"), join(subnet.dir, "trained")];
  const args = ["--base", base, "--out", out, "--steps", "60", "--threads", "1", "--seed", "3"];
  expect((await subnet.finetune(["mine", "train", ...args])).code).toBe(0);
  const { code, report } = await check(out);
  expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: "publish" });
}, 120_000);

test("for the hotkey that has committed it, a model is no rival but what would be replaced", async () => {
  const { code, report } = await check(join(subnet.dir, "trained"), "--uri", "//dora//hotkey");
  expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: "publish" });
  expect(report.rivals).toEqual([]);
  expect(report.replaced).toMatchObject({ name: "local/dora", probability: 1 });
  const same = await check(join(subnet.dir, "copy"), "--uri", "//dora//hotkey");
  expect(same).toMatchObject({ code: 1, report: { verdict: "not-yet", replaced: { probability: 0 } } });
}, 60_000);

test("a repository is looked at, downloaded and measured; against itself it has nothing to win", async () => {
  const { code, report } = await check("local/dora");
  expect({ code, verdict: report.verdict, rivals: report.rivals }).toEqual({ code: 0, verdict: "publish", rivals: [] });
  expect(report.model.score).toBeGreaterThan(1);
  const missing = await subnet.finetune(["mine", "check", "local/nothing", "--competition", "1"]);
  expect(missing).toMatchObject({ code: 1, err: expect.stringMatching(/^repository-missing: .*404/) });
}, 60_000);

test("a repository that is too large is refused before its first byte is downloaded", async () => {
  writeCompetitions(subnet, (file) => withBytesMax(file, 1000));
  const narrow = ["--competitions", join(subnet.dir, "competitions.json"), "--cache", join(subnet.dir, "empty-cache")];
  const { code, report } = await check("local/dora", ...narrow);
  expect(code).toBe(1);
  expect(report.model).toMatchObject({ kind: "invalid", reason: "constraints" });
  expect(existsSync(join(subnet.dir, "empty-cache", "models"))).toBe(false);
}, 60_000);

test("a rival whose files are not what it committed is no rival, and named", async () => {
  const { localnet } = subnet;
  const chain = await connectChain({ endpoints: [localnet.chainUrl] });
  try {
    const [dora] = await chain.commitments(localnet.netuid);
    // The same text under another hotkey: the secure hash is made with the hotkey.
    const signer = keypairFromUri("//copier//hotkey");
    const done = await chain.setCommitment({ netuid: localnet.netuid, data: dora!.data, signer });
    expect(done).toMatchObject({ kind: "finalised" });
  } finally {
    chain.close();
  }
  const { report } = await check(join(subnet.dir, "trained"));
  expect(report.rivals.map(({ name }) => name)).toEqual(["local/dora"]);
  expect(report.failedRivals).toMatchObject([{ name: "local/dora", reason: "hash-mismatch" }]);
}, 60_000);

function withBytesMax(file: CompetitionFile, repositoryBytesMax: number): CompetitionFile {
  const schedule = file.schedule.map((period) => ({
    ...period,
    competitions: period.competitions.map((competition) => ({
      ...competition,
      constraints: { ...competition.constraints, repositoryBytesMax },
    })),
  }));
  return { ...file, schedule };
}

test("what validators refuse is refused with their reason", async () => {
  const folder = join(subnet.dir, "damaged");
  await writeBaseModel(folder, 1n);
  await Bun.write(join(folder, "model.safetensors"), "damaged");
  const { code, report } = await check(folder);
  expect(report).toMatchObject({ verdict: "not-yet", model: { kind: "invalid", reason: expect.any(String) } });
  expect(code).toBe(1);
}, 60_000);
