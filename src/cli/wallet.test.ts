import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../base/self.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wallet-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function wallet(args: readonly string[], input = "") {
  const child = Bun.spawn([...selfCommand("wallet", ...args)], {
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, BT_WALLET_PATH: folder },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

describe("finetune wallet", () => {
  test("creates keys without showing a secret to anything that keeps output", async () => {
    const { stdout, stderr, code } = await wallet(["create", "--wallet.name", "new", "--no-password", "--json"]);
    expect(code).toBe(0);
    const [coldkey, hotkey] = JSON.parse(stdout);
    expect(coldkey).toMatchObject({ key: "coldkey", encrypted: false, path: join(folder, "new", "coldkey") });
    for (const { path } of [coldkey, hotkey]) {
      const { secretPhrase, secretSeed, privateKey } = JSON.parse(await readFile(path, "utf8"));
      for (const secret of [secretPhrase, secretSeed.slice(2), privateKey.slice(2)])
        expect(`${stdout}${stderr}`).not.toContain(secret);
    }
    const again = await wallet(["create", "--wallet.name", "new", "--no-password"]);
    expect(again).toMatchObject({ code: 2, stdout: "" });
    const list = JSON.parse((await wallet(["list", "--json"])).stdout);
    expect(list).toMatchObject([
      { name: "new", coldkey: { address: coldkey.address }, hotkeys: [{ name: "default" }] },
    ]);
  });

  test("restores, signs, verifies", async () => {
    await wallet(["regen", "--wallet.name", "dev", "--from", "-"], "//Alice\n");
    const shown = JSON.parse((await wallet(["show", "--wallet.name", "dev", "--json"])).stdout);
    const address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    expect(shown.keys[1]).toMatchObject({ key: "hotkey", address, stored: "none", exposed: false });
    const signed = JSON.parse((await wallet(["sign", "hello", "--wallet.name", "dev", "--json"])).stdout);
    expect(signed.address).toBe(address);
    const verify = (message: string) =>
      wallet(["verify", message, "--address", address, "--signature", signed.signature]);
    expect((await verify("hello")).code).toBe(0);
    expect((await verify("hullo")).code).toBe(1);
  });

  test("says what is wrong without repeating a secret", async () => {
    const mistyped = await wallet(["regen", "--wallet.name", "typo", "--from", "-"], "correct horse battery staple");
    expect(mistyped.code).toBe(2);
    expect(mistyped.stderr).toContain("not a valid mnemonic");
    expect(mistyped.stderr).not.toContain("battery");
    const locked = await wallet(["create", "--wallet.name", "locked"]);
    expect(locked.code).toBe(2);
    expect(locked.stderr).toContain("BT_PW_");
    expect((await wallet(["show", "--wallet.name", "locked"])).stderr).toContain("There is no wallet");
    const malformed = await wallet(["verify", "x", "--address", "5Grw", "--signature", "0x00"]);
    expect(malformed.stderr).toContain("not an address");
  });
});
