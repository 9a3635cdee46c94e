/** `finetune wallet sign`: proof that one holds a key. */
import { openWallet } from "../chain/wallet.ts";
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";
import { passwordSource } from "./password.ts";
import { keyArg, keyRole, locationArgs, locationOf } from "./wallet-location.ts";
import { messageBytes } from "./wallet-message.ts";

export default command({
  summary: "sign a message with a key",
  examples: [
    { line: 'wallet sign "I run this validator" --wallet.name alice', explains: "the hotkey's signature, in hex" },
    { line: "wallet sign 0xdeadbeef --hex --key coldkey --json", explains: "bytes instead of text, with the coldkey" },
  ],
  args: {
    message: { type: "positional", required: true, description: "the text to sign (UTF-8)", valueHint: "TEXT" },
    ...locationArgs,
    key: keyArg,
    hex: { type: "boolean", description: "the message is bytes in hex" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  run: async (args) => {
    const message = messageBytes(args.message, args.hex ?? false);
    const wallet = await openWallet(locationOf(args));
    const keypair = await wallet.unlock(keyRole(args.key), passwordSource());
    const signature = `0x${keypair.sign(message).toHex()}`;
    if (args.json) printJson({ address: keypair.ss58Address, message: args.message, signature });
    else print(signature);
  },
});
