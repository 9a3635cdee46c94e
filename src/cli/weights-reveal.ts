/** `finetune weights reveal`: shows what a hash commit was. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { messageOf, OperatorError } from "../base/errors.ts";
import type { Reveal } from "../chain/client.ts";
import { chainArgs, jsonArg, reportSubmission, signerOf, uriArg, walletArgs, withChain } from "./chain-access.ts";
import { command } from "./command.ts";

const u16 = z.number().int().min(0).max(65_535);
const revealShape = z.object({
  netuid: u16,
  mecid: z.number().int().min(0).max(255),
  uids: z.array(u16),
  values: z.array(u16),
  salt: z.array(u16),
  versionKey: z.string().regex(/^\d+$/).transform(BigInt),
  commitHash: z.string().regex(/^0x[0-9a-f]{64}$/),
  commitEpoch: z.number().int().nullable(),
});

export default command({
  summary: "reveal a hash commit; waits for its reveal epoch",
  examples: [{ line: "weights reveal reveal.json --wallet.name validator", explains: "the file of `weights submit`" }],
  outlivesReaders: true,
  args: {
    file: { type: "positional", required: true, valueHint: "FILE", description: "what --reveal-file has kept" },
    network: chainArgs.network,
    ...walletArgs,
    uri: uriArg,
    json: jsonArg,
  },
  run: async (args) => {
    const reveal = readReveal(args.file);
    const signer = await signerOf(args, "hotkey");
    return await withChain(args, async (chain, signal) => {
      const submission = await chain.revealWeights({ reveal, signer, signal });
      return reportSubmission(submission, { json: args.json === true, done: "Weights revealed" });
    });
  },
});

function readReveal(file: string): Reveal {
  try {
    return revealShape.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const reason = error instanceof z.ZodError ? (error.issues[0]?.message ?? "") : messageOf(error);
    throw new OperatorError(
      `${file} does not hold what a hash commit needs for its reveal: ${reason}.`,
      "Give the file that `finetune weights submit --reveal-file` has written.",
    );
  }
}
