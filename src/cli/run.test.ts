import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { selfCommand } from "../base/self.ts";
import { nearest } from "./nearest.ts";

async function finetune(args: readonly string[], environment: Record<string, string> = {}) {
  const child = Bun.spawn([...selfCommand(...args)], {
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", ...environment },
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

describe("the command line", () => {
  const cases: readonly (readonly [string, readonly string[], number, RegExp, RegExp])[] = [
    ["version", ["--version"], 0, /^finetune \d+\.\d+\.\d+\n$/, /^$/],
    ["help", ["--help"], 0, /Usage: finetune <command>/, /^$/],
    ["no command", [], 0, /Usage: finetune <command>/, /^$/],
    ["a command's help has an example", ["config", "--help"], 0, /EXAMPLES[\s\S]*finetune config/, /^$/],
    ["unknown command", ["confg"], 2, /^$/, /no command `confg`[\s\S]*Did you mean `finetune config`/],
    ["unknown flag", ["config", "--netwok", "x"], 2, /^$/, /no flag --netwok[\s\S]*Did you mean --network/],
    ["unknown flag of the program", ["--hlep"], 2, /^$/, /`finetune` has no flag --hlep[\s\S]*Did you mean --help/],
    ["a group without its command", ["db"], 2, /^$/, /Usage: finetune db <command>/],
    ["a group's help", ["db", "--help"], 0, /Usage: finetune db <command>/, /^$/],
    ["unknown flag of a group", ["db", "--json"], 2, /^$/, /`finetune db` has no flag --json[\s\S]*finetune db --help/],
    ["flag without its value", ["config", "--network"], 2, /^$/, /--network needs a value/],
    ["flag whose value is a flag", ["config", "--network", "--json"], 2, /^$/, /--network needs a value/],
    ["surplus argument", ["config", "what"], 2, /^$/, /Unexpected argument `what`/],
    ["an inherited name is no command", ["toString"], 2, /^$/, /no command `toString`/],
  ];
  for (const [name, args, code, out, err] of cases) {
    test(name, async () => {
      const got = await finetune(args);
      expect({ code: got.code }).toEqual({ code });
      expect(got.out).toMatch(out);
      expect(got.err).toMatch(err);
    });
  }

  test("flag wins over environment, environment over default, and secrets are masked", async () => {
    const environment = { FINETUNE_NETWORK: "test", BT_WALLET_NAME: "cold", HF_TOKEN: "hf_secret" };
    const { out } = await finetune(["config", "--json", "--network", "local"], environment);
    const { settings } = JSON.parse(out) as { settings: { name: string; value: string | null; source: string }[] };
    const shown = Object.fromEntries(settings.map((row) => [row.name, [row.value, row.source]]));
    expect(shown.network).toEqual(["local", "--network"]);
    expect(shown["wallet.name"]).toEqual(["cold", "BT_WALLET_NAME"]);
    expect(shown.netuid).toEqual(["37", "default"]);
    expect(shown.token).toEqual(["********", "HF_TOKEN"]);
    expect(out).not.toContain("hf_secret");
  });
});

describe("a command that only prints, without a reader", () => {
  async function code(redirected: string) {
    // The shell's own exit code would be that of the reader.
    const script = `{ "$@"; echo "ended with $?" >&2; } ${redirected}`;
    const child = Bun.spawn(["/bin/sh", "-c", script, "sh", ...selfCommand("competition", "schema")], {
      stdout: "pipe",
      stderr: "pipe",
    });
    return (await new Response(child.stderr).text()).trim();
  }

  test("has said enough when its pipe is closed", async () => {
    expect(await code("| true")).toBe("ended with 0");
  });

  test.skipIf(!existsSync("/dev/full"))("fails with a sentence when the disk is full", async () => {
    expect(await code("> /dev/full")).toMatch(/standard output cannot be written: .*space[\s\S]*ended with 1$/);
  });
});

test("the nearest name", () => {
  expect(nearest("validat", ["validate", "wallet"])).toBe("validate");
  expect(nearest("xyzzy", ["validate", "wallet"])).toBeUndefined();
});
