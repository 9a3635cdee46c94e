import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../base/self.ts";
import { builtInCompetitions } from "../competition/built-in.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "finetune-competition-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function finetune(...args: readonly string[]) {
  const child = Bun.spawn([...selfCommand(...args)], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

describe("finetune competition", () => {
  test("what show prints of a built-in file passes check, and a mistake in it is named by its path", async () => {
    const { stdout } = await finetune("competition", "list", "--competition-file", "demo", "--json");
    const path = join(folder, "mine.json");
    await writeFile(path, stdout);
    expect(await finetune("competition", "check", path)).toMatchObject({ code: 0 });
    await writeFile(path, stdout.replace('"emissionShare":1', '"emissionShare":0.9'));
    const checked = await finetune("competition", "check", path, "--json");
    expect(checked.code).toBe(1);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      valid: false,
      problems: [{ path: "schedule[0].competitions", message: "The emission shares sum to 0.9 instead of 1." }],
    });
    // A command that works with the file refuses it in the same words.
    const used = await finetune("competition", "list", "--competition-file", path);
    expect(used.code).toBe(2);
    expect(used.stderr).toContain("schedule[0].competitions: The emission shares sum to 0.9");
  });

  test("show finds a competition by its number and by its name", async () => {
    const byNumber = await finetune("competition", "show", "4", "--json");
    expect(JSON.parse(byNumber.stdout)).toMatchObject([{ competition: { id: 4, name: "DISTILLED_REASONING_3B" } }]);
    expect(await finetune("competition", "show", "distilled_reasoning_3b", "--json")).toEqual(byNumber);
  });

  test("at tells the round and whose turn it is", async () => {
    const { stdout } = await finetune("competition", "at", "5500000", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      syncBlock: 5499851,
      nextSyncBlock: 5500211,
      dueCompetition: 4,
      competitions: [{ id: 4 }],
    });
  });

  test("a competition that is not there, and a file that is not there, are the operator's mistakes", async () => {
    expect(await finetune("competition", "show", "9")).toMatchObject({ code: 2, stdout: "" });
    expect(await finetune("competition", "list", "--competition-file", join(folder, "none"))).toMatchObject({
      code: 2,
    });
    expect(await finetune("competition", "at", "soon")).toMatchObject({ code: 2 });
  });
});

test("finetune simulate prints one document, the same for the same seed", async () => {
  const args = ["simulate", "--competition-file", "demo", "--rounds", "5", "--batches", "4", "--json"];
  const [first, second] = await Promise.all([finetune(...args), finetune(...args)]);
  expect(first.code).toBe(0);
  expect(second.stdout).toBe(first.stdout);
  const { competition, attacks } = JSON.parse(first.stdout);
  expect(competition).toBe(builtInCompetitions("demo").schedule[0]!.competitions[0]!.id);
  expect(attacks.map(({ name }: { name: string }) => name)).toContain("copy with noise");
});
