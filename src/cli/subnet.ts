/** `finetune subnet`: the network's identity and the subnet's parameters. */
import { chainArgs, jsonArg, jsonOf, netuidOf, tao, withChain } from "./chain-access.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";

export default command({
  summary: "the chain that answers, and the subnet's parameters on it",
  examples: [{ line: "subnet --network finney --netuid 37", explains: "rate limits, version key, price of a place" }],
  args: { ...chainArgs, json: jsonArg },
  run: async (args) => {
    const netuid = netuidOf(args);
    await withChain(args, async (chain) => {
      const rules = await chain.hyperparameters(netuid);
      const { chainName, genesisHash, specVersion, blockTimeMs, endpoint } = chain;
      const identity = { chainName, endpoint, genesisHash, specVersion, blockTimeMs };
      if (args.json) {
        printJson(jsonOf({ ...identity, hyperparameters: rules }));
        return;
      }
      print(`${chainName} at ${endpoint}, runtime ${specVersion}, a block every ${blockTimeMs / 1000} s`);
      print(`genesis ${genesisHash}\n`);
      const { burnRao, stakeThresholdRao, ...rest } = rules;
      const shown = { ...rest, burnTao: tao(burnRao), stakeThresholdTao: tao(stakeThresholdRao) };
      printTable(
        ["parameter", "value"],
        Object.entries(shown).map(([name, value]) => [name, String(value)]),
      );
    });
  },
});
