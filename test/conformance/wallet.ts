/** Conformance of wallets: the shared key derivation, well-known keys, and keyfiles that other code wrote. */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { naclKey } from "../../src/chain/keyfile-encryption.ts";
import { keypairFromUri } from "../../src/chain/keypair.ts";
import { readKey } from "../../src/chain/wallet.ts";
import { copyWallets, password } from "../fixtures/wallets.ts";

interface Vectors {
  readonly nacl_kdf: { readonly password: string; readonly key: string };
  readonly commit_v2: { readonly who: string; readonly preimage: string };
}

const root = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";
const alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

/** @param sharedFolder the folder that holds `chain/vectors.json`. Nothing is measured: `worst` is the number of differences. */
export async function checkWallet(sharedFolder: string) {
  const vectors = JSON.parse(readFileSync(join(sharedFolder, "chain", "vectors.json"), "utf8")) as Vectors;
  const { nacl_kdf: derivation, commit_v2: commit } = vectors;
  const fixtures = await copyWallets();
  const wallets = { plain: root, nacl: root, ansible: root, "ansible-yaml": root, fernet: root, "odd-seed": alice };
  const checks: [string, () => Promise<string>, string][] = [
    ["the key of $NACL", async () => (await naclKey(derivation.password)).toHex(), derivation.key],
    [
      `the key of ${commit.who}`,
      async () => `0x${keypairFromUri(commit.who).publicKey.toHex()}`,
      commit.preimage.slice(0, 66),
    ],
    ...Object.entries(wallets).map(([name, address]): [string, () => Promise<string>, string] => [
      `the wallet ${name}`,
      () => addressOf(fixtures, name),
      address,
    ]),
  ];
  const problems: string[] = [];
  for (const [name, actual, expected] of checks) {
    const found = await actual().catch((error: Error) => error.message);
    if (found !== expected) problems.push(`${name}: ${found} instead of ${expected}`);
  }
  await rm(fixtures, { recursive: true, force: true });
  return { family: "wallet", cases: checks.length, worst: problems.length, problems };
}

async function addressOf(path: string, name: string): Promise<string> {
  const key = await readKey({ path, name, hotkey: "alice" }, "coldkey", async () => password);
  return key.keypair.ss58Address;
}
