/** `finetune wallet verify`: whether a signature is an address's. Needs no wallet. */
import { OperatorError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import { decodeSs58, verifySignature } from "../chain/keypair.ts";
import { command, exitCode } from "./command.ts";
import { print, printJson } from "./output.ts";
import { hexBytes, messageBytes } from "./wallet-message.ts";

export default command({
  summary: "check a message's signature",
  examples: [
    {
      line: 'wallet verify "I run this validator" --address 5Grw… --signature 0x…',
      explains: "exit code 0 when the signature is the address's, 1 when it is not",
    },
  ],
  args: {
    message: { type: "positional", required: true, description: "the text that was signed", valueHint: "TEXT" },
    address: { type: "string", required: true, valueHint: "SS58", description: "who is said to have signed" },
    signature: { type: "string", required: true, valueHint: "0x…", description: "64 bytes in hex" },
    hex: { type: "boolean", description: "the message is bytes in hex" },
    json: { type: "boolean", description: "print one JSON document" },
  },
  run: async (args) => {
    const publicKey = decodeSs58(args.address);
    if (publicKey === undefined)
      throw new OperatorError(
        `\`${printable(args.address)}\` is not an address of this network.`,
        "Addresses begin with a 5 and have 48 characters.",
      );
    const message = messageBytes(args.message, args.hex ?? false);
    const signature = hexBytes(args.signature, "The signature");
    // Browser wallets wrap what they sign, so that no message can be a transaction.
    const valid = [message, wrapped(message)].some((form) => verifySignature({ message: form, signature, publicKey }));
    if (args.json) printJson({ address: args.address, valid });
    else print(valid ? "The signature is valid." : "The signature is not valid.");
    return valid ? exitCode.success : exitCode.failure;
  },
});

function wrapped(message: Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  return new Uint8Array(Buffer.concat([encoder.encode("<Bytes>"), message, encoder.encode("</Bytes>")]));
}
