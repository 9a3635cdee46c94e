import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import fc from "fast-check";
import { copyWallets, password } from "../../test/fixtures/wallets.ts";
import { decryptKeyfile, encryptKeyfile } from "./keyfile-encryption.ts";
import { materialFromPhrase, materialFromSecret, parseKeyfile } from "./keyfile-json.ts";
import { concealPassword, passwordVariables, revealPassword } from "./keyfile-password.ts";
import { newMnemonic } from "./mnemonic.ts";
import { describeKey, listWallets, openWallet, readKey, type WalletLocation, writeKey } from "./wallet.ts";

const root = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";
const alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
/** The key of "testing", as libsodium derives it. */
const naclKeyOfTesting = Uint8Array.fromHex("59e56f09281b4b97c4a4421839e63786e28b5c7b7038eac7f24e5483e2d322b9");
/** Seconds of memory-hard work when the machine is idle; a busy one is no reason to fail. */
const slow = 180_000;

let folder: string;
const known = async () => password;
const never = async (): Promise<string> => {
  throw new Error("asked for a password");
};
const at = (name: string, hotkey = "alice"): WalletLocation => ({ path: folder, name, hotkey });

beforeAll(async () => {
  folder = await copyWallets();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("wallets that other code wrote", () => {
  test("a plain one opens without a password", async () => {
    const wallet = await openWallet(at("plain"));
    expect([wallet.coldkeyAddress, wallet.hotkeyAddress]).toEqual([root, alice]);
    expect((await wallet.unlock("coldkey", never)).ss58Address).toBe(root);
    expect((await wallet.unlock("hotkey", never)).ss58Address).toBe(alice);
  });

  test("a key whose seed is unreadable opens by its private key", async () => {
    expect((await readKey(at("odd-seed"), "coldkey", never)).keypair.ss58Address).toBe(alice);
  });

  test.each(["ansible", "ansible-yaml", "fernet"])(
    "%s opens with its password",
    async (name) => {
      const { keypair, phrase } = await readKey(at(name), "coldkey", known);
      expect(keypair.ss58Address).toBe(root);
      expect(phrase?.reveal().split(" ")).toHaveLength(12);
    },
    slow,
  );

  // An ansible vault's key takes a few milliseconds; the other two take seconds, in which heads and losses arrive.
  test.each(["nacl", "fernet"])(
    "other work goes on while the key of %s is derived",
    async (name) => {
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 1);
      await readKey(at(name), "coldkey", known);
      clearInterval(ticking);
      expect(ticks).toBeGreaterThan(10);
    },
    slow,
  );

  test.each(["ansible", "fernet"])(
    "%s stays shut for another password",
    async (name) => {
      const attempt = readKey(at(name), "coldkey", async () => "guessing");
      await expect(attempt).rejects.toThrow(/^The password does not open .*coldkey, or the file is damaged\.$/);
    },
    slow,
  );

  test(
    "nacl opens with its password and stays shut for another, at the same time",
    async () => {
      const [opened, refused] = await Promise.allSettled([
        readKey(at("nacl"), "coldkey", known),
        readKey(at("nacl"), "coldkey", async () => "guessing"),
      ]);
      expect(opened).toMatchObject({ status: "fulfilled", value: { keypair: { ss58Address: root } } });
      expect(refused).toMatchObject({ status: "rejected", reason: { name: "OperatorError" } });
    },
    slow,
  );

  test("a list shows every wallet, its hotkeys without their public halves", async () => {
    await writeFile(join(folder, "plain", "hotkeys", "alicepub.txt"), "{}");
    const names = ["ansible", "ansible-yaml", "fernet", "nacl", "odd-seed", "plain"];
    expect(await listWallets(folder)).toEqual(names.map((name) => ({ name, hotkeys: ["alice"] })));
    expect(await listWallets(join(folder, "nowhere"))).toEqual([]);
    await rm(join(folder, "plain", "hotkeys", "alicepub.txt"));
  });
});

describe("wallets that we write", () => {
  test("hold the key in files that only their owner reads, and open again", async () => {
    const material = materialFromPhrase(newMnemonic(12));
    await writeKey(at("own", "hot"), "coldkey", material, { password: undefined, overwrite: false });
    await writeKey(at("own", "hot"), "hotkey", materialFromSecret("//Alice"), {
      password: undefined,
      overwrite: false,
    });
    const wallet = await openWallet(at("own", "hot"));
    expect(wallet.coldkeyAddress).toBe(material.keypair.ss58Address);
    expect((await wallet.unlock("hotkey", never)).ss58Address).toBe(alice);
    for (const file of ["coldkey", "coldkeypub.txt", "hotkeys/hot", "hotkeys/hotpub.txt"])
      expect((await stat(join(folder, "own", file))).mode & 0o777).toBe(0o600);
    expect(Object.keys(JSON.parse(await readFile(join(folder, "own", "coldkey"), "utf8")))).toEqual([
      "accountId",
      "publicKey",
      "ss58Address",
      "privateKey",
      "secretPhrase",
      "secretSeed",
    ]);
  });

  test("are never overwritten unless asked for", async () => {
    const write = (overwrite: boolean) =>
      writeKey(at("kept"), "hotkey", materialFromPhrase(newMnemonic(12)), { password: undefined, overwrite });
    await write(false);
    const before = (await openWallet(at("kept"))).hotkeyAddress;
    await expect(write(false)).rejects.toThrow("exists already");
    expect((await openWallet(at("kept"))).hotkeyAddress).toBe(before);
    await chmod(join(folder, "kept", "hotkeys", "alice"), 0o644);
    await write(true);
    expect((await openWallet(at("kept"))).hotkeyAddress).not.toBe(before);
    expect((await describeKey(at("kept"), "hotkey")).exposed).toBe(false);
  });

  test(
    "encrypted ones are boxes that libsodium's key opens",
    async () => {
      const plain = new TextEncoder().encode("a key");
      const sealed = await encryptKeyfile(plain, password);
      expect(new TextDecoder().decode(sealed.subarray(0, 5))).toBe("$NACL");
      expect(xsalsa20poly1305(naclKeyOfTesting, sealed.slice(5, 29)).decrypt(sealed.slice(29))).toEqual(plain);
    },
    slow,
  );
});

describe("what can be wrong", () => {
  test("a wallet or key that is not there", async () => {
    await expect(openWallet(at("nobody"))).rejects.toThrow(/^There is no wallet in .*nobody\.$/);
    await expect(readKey(at("plain", "other"), "hotkey", never)).rejects.toThrow(/^There is no hotkey at .*other\.$/);
  });

  test("a public half that names no address", async () => {
    await writeKey(at("renamed"), "coldkey", materialFromSecret("//Bob"), { password: undefined, overwrite: true });
    await writeFile(join(folder, "renamed", "coldkeypub.txt"), JSON.stringify({ ss58Address: "5GrwvaEF" }));
    await expect(openWallet(at("renamed"))).rejects.toThrow("coldkeypub.txt is JSON, but not a keyfile");
    expect(await describeKey(at("renamed"), "coldkey")).toMatchObject({ stored: "damaged", address: undefined });
    expect((await readdir(join(folder, "renamed"))).sort()).toEqual(["coldkey", "coldkeypub.txt"]);
  });

  test.each(["..", "", "a/b", "a\\b", "a\u0000"])("a name that leaves the folder: %j", async (name) => {
    await expect(openWallet(at(name))).rejects.toThrow("cannot be the name");
    await expect(readKey(at("plain", name), "hotkey", never)).rejects.toThrow("cannot be the name");
  });

  test.each([
    ["{", "is not JSON"],
    ["[]", "not a keyfile"],
    [JSON.stringify({ ss58Address: alice }), "neither a usable phrase"],
    [JSON.stringify({ secretSeed: `0x${"11".repeat(32)}`, ss58Address: alice }), "belongs to another address"],
    [JSON.stringify({ secretPhrase: "a b c", cryptoType: 0 }), "another kind than sr25519"],
    ["$ANSIBLE_VAULT;1.1;AES256\n3333", "is damaged"],
    ["gAAAAAtoken", "is damaged"],
    ["$NACLshort", "is damaged"],
    [" ".repeat(70_000), "which is no keyfile"],
  ])("a damaged file: %.30s", async (content, words) => {
    await writeKey(at("broken"), "hotkey", materialFromSecret("//Alice"), { password: undefined, overwrite: true });
    await writeFile(join(folder, "broken", "hotkeys", "alice"), content);
    const attempt = readKey(at("broken"), "hotkey", known);
    await expect(attempt).rejects.toThrow(words);
    await expect(attempt).rejects.toMatchObject({ name: "OperatorError", hint: expect.stringMatching(/\w/) });
  });

  test("no keyfile of a stranger makes the reader throw", async () => {
    const part = fc.option(fc.oneof(fc.string(), fc.constant(alice), fc.constant(`0x${"11".repeat(32)}`)), {
      nil: undefined,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc
            .record({ ss58Address: part, publicKey: part, privateKey: part, secretPhrase: part, secretSeed: part })
            .map((value) => new TextEncoder().encode(JSON.stringify(value))),
        ),
        (bytes) => {
          const found = parseKeyfile(bytes);
          expect("fault" in found || "keypair" in found).toBe(true);
        },
      ),
    );
    await Promise.all(
      fc.sample(fc.string({ maxLength: 300 }), 50).map(async (text) => {
        const bytes = new TextEncoder().encode(`$ANSIBLE_VAULT;1.1;AES256\n${text}`);
        expect(await decryptKeyfile(bytes, "ansible", password)).toHaveProperty("fault");
      }),
    );
  });
});

describe("passwords in the environment", () => {
  test("the variable is named after the file", () => {
    expect(passwordVariables("/home/u/.bittensor/wallets/my-wallet/coldkey")).toEqual([
      "BT_PW__HOME_U__BITTENSOR_WALLETS_MY-WALLET_COLDKEY",
    ]);
    expect(passwordVariables("wallets/a/coldkey")[0]).toBe("BT_PW_WALLETS_A_COLDKEY");
  });

  test("any password comes back; what is not one is told apart", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), fc.string({ minLength: 1 }), (text, name) => {
        expect(revealPassword(concealPassword(text, name), name)).toBe(text);
      }),
    );
    expect(revealPassword("not base64!", "BT_PW_X")).toBeUndefined();
    expect(revealPassword("////", "A")).toBeUndefined();
  });
});

test("key material shows no secret when it is printed or serialised", () => {
  const material = materialFromPhrase("bottom drive obey lake curtain smoke basket hold race lonely fit walk");
  const shown = `${Bun.inspect(material, { depth: 9 })}${JSON.stringify(material)}${material.phrase}`;
  expect(shown).not.toContain("bottom drive");
  expect(shown).not.toContain("fac7959d");
});
