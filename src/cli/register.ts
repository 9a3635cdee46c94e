/** `finetune register`: a place in the subnet for a hotkey, paid by its coldkey. */
import { createInterface } from "node:readline/promises";
import { OperatorError } from "../base/errors.ts";
import { log } from "../base/log.ts";
import {
  addressOf,
  chainArgs,
  checkedAddress,
  jsonArg,
  jsonOf,
  netuidOf,
  reportSubmission,
  signerOf,
  tao,
  uriArg,
  walletArgs,
  withChain,
} from "./chain-access.ts";
import { command, exitCode } from "./command.ts";
import { printJson } from "./output.ts";

export default command({
  summary: "register a hotkey in the subnet for the subnet's price, which is burned",
  examples: [
    { line: "register --netuid 37 --wallet.name miner --wallet.hotkey default", explains: "shows the price and asks" },
    {
      line: "register --network local --netuid 1 --uri //Alice --hotkey 5Grw… --yes",
      explains: "on a local chain, paid by a development key",
    },
  ],
  outlivesReaders: true,
  args: {
    ...chainArgs,
    ...walletArgs,
    uri: { ...uriArg, description: "pay with a development key such as //Alice instead of the wallet's coldkey" },
    hotkey: { type: "string", valueHint: "ADDRESS", description: "the hotkey to register [default: the wallet's]" },
    yes: { type: "boolean", description: "pay without asking" },
    json: jsonArg,
  },
  run: async (args) => {
    const netuid = netuidOf(args);
    const hotkey =
      args.hotkey === undefined ? await addressOf({ ...args, uri: undefined }, "hotkey") : checkedAddress(args.hotkey);
    return await withChain(args, async (chain, signal) => {
      const [{ burnRao }, coldkey] = [await chain.hyperparameters(netuid), await addressOf(args, "coldkey")];
      const { freeRao } = await chain.balance(coldkey);
      log.info(`A place in subnet ${netuid} costs ${tao(burnRao)} τ; ${coldkey} has ${tao(freeRao)} τ.`);
      if (!args.yes && !(await isConfirmed(`Burn ${tao(burnRao)} τ to register ${hotkey}?`, signal)))
        return exitCode.failure;
      const submission = await chain.register({ netuid, coldkey: await signerOf(args, "coldkey"), hotkey });
      const registered = await chain.registration(netuid, hotkey);
      if (args.json && submission.kind === "finalised") {
        printJson(jsonOf({ ...submission, netuid, hotkey, coldkey, uid: registered?.uid }));
        return exitCode.success;
      }
      return reportSubmission(submission, { json: args.json === true, done: `${hotkey} is uid ${registered?.uid}` });
    });
  },
});

async function isConfirmed(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new OperatorError(
      "Registering costs TAO and there is no terminal to ask on.",
      "Give --yes to pay the price.",
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}
