/** The commands that look at a state file, as an operator runs them. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSyntheticState } from "../../test/fixtures/synthetic-state.ts";
import { openStore } from "../store/store.ts";

setDefaultTimeout(60_000);
const folder = mkdtempSync(join(tmpdir(), "cli-state-"));
const path = join(folder, "state.sqlite");

beforeAll(() => makeSyntheticState({ path, rounds: 5, models: 11, batches: 12, seed: 1 }));
afterAll(() => rmSync(folder, { recursive: true }));

function finetune(...args: string[]) {
  const main = join(import.meta.dir, "..", "main.ts");
  const environment = { ...process.env, FINETUNE_DB: path };
  const child = Bun.spawnSync([process.execPath, main, ...args], { env: environment, stderr: "pipe" });
  return { code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
}

describe("each command prints a table for people and one JSON document for scripts", () => {
  const commands: readonly (readonly [string[], string])[] = [
    [["db", "info"], "rounds      5 finished, blocks 20 to 100"],
    [["db", "check"], "is sound."],
    [["leaderboard"], "Competition 1, ARITHMETIC, round of block 100"],
    [["history", "0"], "miner-0/model@00000000"],
    [["explain", "0"], "It was the best of the round."],
    [["rescore", "--set", "epsilon.start=0.2"], "A (epsilon.start=0.2): "],
    [["rounds", "list"], "finished  judged"],
    [["rounds", "diff", path, path], "The two agree on all 5 rounds"],
  ];
  for (const [args, says] of commands)
    test(args.join(" ").replace(folder, ""), () => {
      const shown = finetune(...args);
      expect(shown.err).toBe("");
      expect(shown.out).toContain(says);
      expect(shown.code).toBe(0);
      const scripted = finetune(...args, "--json");
      expect(scripted.code).toBe(0);
      expect(Object.keys(JSON.parse(scripted.out)).length).toBeGreaterThan(0);
    });
});

describe("exit codes", () => {
  const refused: readonly (readonly [string[], number, string])[] = [
    [["leaderboard", "--db", join(folder, "none.sqlite")], 2, "There is no state file"],
    [["db", "prune", "--older-than", "soon"], 2, "is not a time"],
    [["rescore", "--set", "epsilon"], 2, "not a path and a value"],
    [["rescore", "--exclude-uid", "x"], 2, "not a whole number"],
    [["export", "loses"], 2, "Did you mean losses?"],
    [["import", join(folder, "none.sqlite"), "--db", join(folder, "new.sqlite")], 2, "There is no file"],
    [["explain", "500"], 1, "was not looked at"],
  ];
  for (const [args, code, says] of refused)
    test(`${args.join(" ").replaceAll(folder, "")} is refused with ${code}, in words`, () => {
      const result = finetune(...args);
      expect(result.err).toContain(says);
      expect(result.err).not.toContain("\n    at ");
      expect(result.out).toBe("");
      expect(result.code).toBe(code);
    });

  test("a changed loss makes rescore --verify and rounds diff fail, by name", async () => {
    const changed = join(folder, "changed.sqlite");
    expect(finetune("db", "backup", changed).code).toBe(0);
    const store = await openStore({ path: changed, mode: "write" });
    await store.db.updateTable("losses").set({ loss: 9 }).where("evaluation_id", "=", 1).execute();
    await store.close();
    const verified = finetune("rescore", "--verify", "--db", changed);
    expect(verified.code).toBe(1);
    expect(verified.out).toContain("competition 1, block 20, uid 0: score: stored");
    const compared = finetune("rounds", "diff", path, changed);
    expect(compared.code).toBe(1);
    expect(compared.out).toContain("differs on 12 batches");
  });

  test("states under other rules, or without a common round, do not agree", async () => {
    const ruled = join(folder, "ruled.sqlite");
    expect(finetune("db", "backup", ruled).code).toBe(0);
    const store = await openStore({ path: ruled, mode: "write" });
    const rules = await store.db.selectFrom("competitions").selectAll().executeTakeFirstOrThrow();
    await store.db
      .insertInto("competitions")
      .values({ ...rules, digest: "other" })
      .execute();
    await store.db.updateTable("rounds").set({ competition_digest: "other" }).execute();
    await store.close();
    expect(finetune("rounds", "diff", path, ruled)).toMatchObject({
      code: 1,
      out: expect.stringContaining("The two differ."),
    });

    const empty = join(folder, "empty.sqlite");
    await (await openStore({ path: empty, mode: "write", create: true })).close();
    expect(finetune("rounds", "diff", path, empty)).toMatchObject({
      code: 1,
      out: expect.stringContaining("no finished round in common"),
    });
  });

  test("a damaged file makes db check fail", () => {
    const text = join(folder, "text.sqlite");
    writeFileSync(text, "not a database, but long enough for a header");
    expect(finetune("db", "check", "--db", text).code).toBe(2);
    const bytes = readFileSync(path);
    // The last pages hold rows, the first ones the list of tables.
    bytes.fill(0x5a, bytes.length - 5 * 4096);
    const damaged = join(folder, "damaged.sqlite");
    writeFileSync(damaged, bytes);
    const checked = finetune("db", "check", "--db", damaged);
    expect(checked.code).toBe(1);
    expect(checked.out).toContain("is damaged.");
    expect(checked.out).toMatch(/rows after .*, before [\s\S]*The rows named above are lost\. .*--salvage/);
  });
});

test("tables go to stdout for a pipe", () => {
  const csv = finetune("export", "losses");
  expect(csv.out.split("\r\n")[0]).toBe("competition_id,sync_block,uid,hotkey,repo,revision,task,batch,loss");
  // 11 models, of which the last fails in every third round; 12 batches; 5 rounds.
  expect(csv.out.trim().split("\r\n").length - 1).toBe((11 * 5 - 1) * 12);
  const entries = finetune("rescore", "--grid", "epsilon.start=0.01,0.5", "--csv");
  expect(
    new Set(
      entries.out
        .trim()
        .split("\r\n")
        .slice(1)
        .map((line) => line.split(",")[0]),
    ),
  ).toEqual(new Set(["as stored", "epsilon.start=0.01", "epsilon.start=0.5"]));
});
