/** `finetune balance`: what an account has. */
import {
  addressOf,
  chainArgs,
  checkedAddress,
  jsonArg,
  jsonOf,
  tao,
  uriArg,
  walletArgs,
  withChain,
} from "./chain-access.ts";
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";

export default command({
  summary: "the TAO of an account",
  examples: [
    { line: "balance --wallet.name miner", explains: "of the wallet's coldkey" },
    { line: "balance 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY --network local", explains: "of any address" },
  ],
  args: {
    address: {
      type: "positional",
      required: false,
      valueHint: "ADDRESS",
      description: "[default: the wallet's coldkey]",
    },
    network: chainArgs.network,
    ...walletArgs,
    uri: { ...uriArg, description: "of a development key such as //Alice" },
    json: jsonArg,
  },
  run: async (args) => {
    const address = args.address === undefined ? await addressOf(args, "coldkey") : checkedAddress(args.address);
    await withChain(args, async (chain) => {
      const { freeRao, reservedRao } = await chain.balance(address);
      if (args.json) printJson(jsonOf({ address, freeRao, reservedRao }));
      else print(`${address}  ${tao(freeRao)} τ free${reservedRao === 0n ? "" : `, ${tao(reservedRao)} τ reserved`}`);
    });
  },
});
