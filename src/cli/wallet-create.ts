/** `finetune wallet create`: a new coldkey and hotkey, their phrases shown once. */
import { OperatorError } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { type KeyMaterial, materialFromPhrase } from "../chain/keyfile-json.ts";
import { newMnemonic, type WordCount, wordCounts } from "../chain/mnemonic.ts";
import { type KeyRole, keyExists, keyfilePath, type WalletLocation, writeKey } from "../chain/wallet.ts";
import { command } from "./command.ts";
import { printJson, printTable } from "./output.ts";
import { newPassword } from "./password.ts";
import { integer } from "./values.ts";
import { locationArgs, locationOf } from "./wallet-location.ts";

const roles: readonly KeyRole[] = ["coldkey", "hotkey"];

export default command({
  summary: "make a new coldkey and hotkey",
  examples: [
    {
      line: "wallet create --wallet.name alice",
      explains: "asks for the coldkey's password, writes both keys, shows their phrases once",
    },
    {
      line: "wallet create --wallet.name alice --wallet.hotkey second --only hotkey",
      explains: "one more hotkey in the same wallet",
    },
    {
      line: "wallet create --wallet.name test --no-password --json",
      explains: "for scripts and test networks: not encrypted, addresses as JSON, no phrase printed",
    },
  ],
  args: {
    ...locationArgs,
    only: { type: "string", valueHint: "coldkey|hotkey", description: "make only this one" },
    words: { type: "string", valueHint: "N", description: "words of a phrase: 12, 15, 18, 21 or 24 [default 12]" },
    password: { type: "boolean", default: true, description: "encrypt the coldkey (--no-password: do not)" },
    "hotkey-password": { type: "boolean", description: "encrypt the hotkey too; a validator must then be unlocked" },
    overwrite: { type: "boolean", description: "replace existing keys: what is not backed up is lost" },
    json: { type: "boolean", description: "print one JSON document; phrases are never part of it" },
  },
  run: async (args) => {
    const location = locationOf(args);
    const wanted = args.only === undefined ? roles : [onlyRole(args.only)];
    const words = wordCount(args.words);
    const overwrite = args.overwrite ?? false;
    // Every refusal comes before the first file, so that no half of a wallet is left behind.
    if (!overwrite) for (const role of wanted) await refuseExisting(location, role);
    const passwords: Readonly<Record<KeyRole, boolean>> = {
      coldkey: args.password,
      hotkey: args["hotkey-password"] ?? false,
    };
    const plans = [];
    for (const role of wanted)
      plans.push({ role, password: passwords[role] ? await newPassword(keyfilePath(location, role)) : undefined });
    const made = [];
    for (const { role, password } of plans) {
      const material = materialFromPhrase(newMnemonic(words));
      await writeKey(location, role, material, { password, overwrite });
      made.push({ role, material, path: keyfilePath(location, role), encrypted: password !== undefined });
    }
    if (args.json)
      printJson(
        made.map(({ role, material, path, encrypted }) => ({ key: role, ...publicPart(material), path, encrypted })),
      );
    else {
      printTable(
        ["key", "address", "file"],
        made.map(({ role, material, path }) => [role, material.keypair.ss58Address, path]),
      );
      for (const { role, material } of made) showPhrase(role, material);
    }
  },
});

function publicPart({ keypair }: KeyMaterial): { readonly address: string; readonly publicKey: string } {
  return { address: keypair.ss58Address, publicKey: `0x${keypair.publicKey.toHex()}` };
}

/**
 * Shows a phrase on the terminal, once. Output that is not a terminal is likely kept somewhere, so there it is not
 * written: the keyfile has the phrase.
 */
function showPhrase(role: KeyRole, material: KeyMaterial): void {
  if (!process.stderr.isTTY) {
    log.warn(`No terminal to show the ${role}'s phrase on: it is in its keyfile only.`);
    return;
  }
  process.stderr.write(
    `\nThe ${role}'s phrase. Whoever has it has the key; without it a lost file is lost. It is not shown again:\n\n    ${material.phrase?.reveal()}\n`,
  );
}

async function refuseExisting(location: WalletLocation, role: KeyRole): Promise<void> {
  if (await keyExists(location, role))
    throw new OperatorError(
      `${keyfilePath(location, role)} exists already; it may hold the only copy of a key.`,
      "Give another name, make only the other key with --only, or replace it with --overwrite.",
    );
}

function onlyRole(text: string): KeyRole {
  const role = roles.find((name) => name === text);
  if (role !== undefined) return role;
  throw new OperatorError(`--only is \`${text}\`, which is no kind of key.`, "Give --only coldkey or --only hotkey.");
}

function wordCount(text = "12"): WordCount {
  const count = integer(text, { flag: "words", min: 12, max: 24 });
  const known = wordCounts.find((words) => words === count);
  if (known !== undefined) return known;
  throw new OperatorError(`A phrase cannot have ${count} words.`, `Give --words ${wordCounts.join(", ")}.`);
}
