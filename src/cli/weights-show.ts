/** `finetune weights show`: a neuron's row on the chain. */
import { OperatorError } from "../base/errors.ts";
import { addressOf, chainArgs, jsonArg, jsonOf, netuidOf, uriArg, walletArgs, withChain } from "./chain-access.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { integer } from "./values.ts";

export default command({
  summary: "the weights that a neuron has set",
  examples: [
    { line: "weights show --netuid 37 --uid 12", explains: "of neuron 12" },
    { line: "weights show --netuid 37 --wallet.name validator --json", explains: "of the wallet's hotkey, as JSON" },
  ],
  args: {
    ...chainArgs,
    uid: { type: "string", valueHint: "N", description: "the neuron [default: the wallet's hotkey]" },
    mecid: { type: "string", valueHint: "N", description: "the subnet's mechanism [default 0]" },
    ...walletArgs,
    uri: { ...uriArg, description: "of a development hotkey such as //Alice" },
    json: jsonArg,
  },
  run: async (args) => {
    const netuid = netuidOf(args);
    const mecid = integer(args.mecid ?? "0", { flag: "mecid", min: 0, max: 255 });
    await withChain(args, async (chain) => {
      const metagraph = await chain.metagraph(netuid);
      const hotkey = args.uid === undefined ? await addressOf(args, "hotkey") : undefined;
      const wanted = args.uid === undefined ? undefined : integer(args.uid, { flag: "uid", min: 0, max: 65_535 });
      const neuron = metagraph.neurons.find(({ uid, hotkey: key }) => uid === wanted || key === hotkey);
      if (neuron === undefined)
        throw new OperatorError(
          hotkey === undefined
            ? `Subnet ${netuid} has no neuron ${wanted}.`
            : `${hotkey} is not registered in subnet ${netuid}.`,
          "`finetune metagraph` lists the neurons; --uid names one.",
        );
      const row = await chain.weights(netuid, neuron.uid, { mecid, at: metagraph.blockHash });
      const sum = row.values.reduce((total, value) => total + value, 0);
      const weights = row.uids.map((uid, index) => ({
        uid,
        hotkey: metagraph.neurons[uid]?.hotkey ?? "",
        value: row.values[index]!,
        share: sum === 0 ? 0 : row.values[index]! / sum,
      }));
      if (args.json) {
        const { uid, lastUpdateBlock, validatorPermit } = neuron;
        printJson(
          jsonOf({
            netuid,
            mecid,
            uid,
            hotkey: neuron.hotkey,
            block: row.block,
            lastUpdateBlock,
            validatorPermit,
            weights,
          }),
        );
        return;
      }
      const updated = neuron.lastUpdateBlock === 0 ? "never" : `at block ${neuron.lastUpdateBlock}`;
      print(`uid ${neuron.uid} (${neuron.hotkey}), updated ${updated}, read at block ${row.block}\n`);
      if (weights.length === 0) print("No weights are stored; commits that wait for their reveal are not weights yet.");
      else
        printTable(
          ["uid", "hotkey", "u16", "share"],
          [...weights]
            .sort((a, b) => b.value - a.value)
            .map((entry) => [entry.uid, entry.hotkey, entry.value, entry.share.toFixed(4)]),
        );
    });
  },
});
