/** `finetune wallet regen`: a key restored from its phrase or seed, which never stands on the command line. */
import { readFile } from "node:fs/promises";
import { text as textOf } from "node:stream/consumers";
import { messageOf, OperatorError } from "../base/errors.ts";
import { materialFromSecret } from "../chain/keyfile-json.ts";
import { keyfilePath, writeKey } from "../chain/wallet.ts";
import { command } from "./command.ts";
import { printJson, printTable } from "./output.ts";
import { newPassword } from "./password.ts";
import { promptHidden } from "./prompt.ts";
import { keyArg, keyRole, locationArgs, locationOf } from "./wallet-location.ts";

const secretBytesMax = 4096;

export default command({
  summary: "restore a key from its phrase or seed",
  examples: [
    { line: "wallet regen --wallet.name alice --key coldkey", explains: "asks for the phrase without showing it" },
    {
      line: "wallet regen --wallet.name alice --key hotkey --from phrase.txt --no-password",
      explains: "from a file; - is standard input. A seed is 0x and 64 hex digits; //Alice is the development key",
    },
  ],
  args: {
    ...locationArgs,
    key: keyArg,
    from: { type: "string", valueHint: "FILE|-", description: "read the phrase or seed from here instead of asking" },
    password: {
      type: "boolean",
      description: "encrypt the key (--no-password: do not) [default: the coldkey yes, a hotkey no]",
    },
    overwrite: { type: "boolean", description: "replace an existing key: what is not backed up is lost" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  run: async (args) => {
    const location = locationOf(args);
    const role = keyRole(args.key);
    const path = keyfilePath(location, role);
    const material = materialFromSecret(await readSecret(args.from));
    const encrypted = args.password ?? role === "coldkey";
    const password = encrypted ? await newPassword(path) : undefined;
    await writeKey(location, role, material, { password, overwrite: args.overwrite ?? false });
    const { ss58Address: address } = material.keypair;
    if (args.json) printJson({ key: role, address, path, encrypted });
    else printTable(["key", "address", "file"], [[role, address, path]]);
  },
});

async function readSecret(from: string | undefined): Promise<string> {
  if (from === undefined) return promptHidden("Phrase or seed", "Run it on a terminal, or give --from FILE.");
  try {
    const text = from === "-" ? await textOf(process.stdin) : await readFile(from, "utf8");
    if (text.length > secretBytesMax) throw new Error(`it is longer than ${secretBytesMax} characters`);
    return text;
  } catch (error) {
    throw new OperatorError(`The secret cannot be read: ${messageOf(error)}.`, "Give --from a file with one phrase.");
  }
}
