/** `finetune metagraph`: who is in the subnet. */
import { OperatorError } from "../base/errors.ts";
import { printable } from "../base/log.ts";
import type { ChainClient, FullCommitment } from "../chain/client.ts";
import type { BlockHash, Metagraph } from "../subnet.ts";
import { chainArgs, jsonArg, jsonOf, netuidOf, withChain } from "./chain-access.ts";
import { command } from "./command.ts";
import { print, printJson, printTable } from "./output.ts";
import { integer } from "./values.ts";

const commitmentCharsMax = 60;

export default command({
  summary: "the subnet's neurons and what they have committed",
  examples: [
    { line: "metagraph --network finney --netuid 37", explains: "every neuron of subnet 37" },
    { line: "metagraph --network local --netuid 1 --at 1200 --json", explains: "as of block 1200, as JSON" },
  ],
  args: {
    ...chainArgs,
    at: { type: "string", valueHint: "BLOCK|HASH", description: "the block to read at [default: the newest]" },
    json: jsonArg,
  },
  run: async (args) => {
    const netuid = netuidOf(args);
    await withChain(args, async (chain) => {
      const at = await blockHashOf(chain, args.at);
      const metagraph = await chain.metagraph(netuid, at);
      const commitments = await chain.commitments(netuid, metagraph.blockHash);
      if (args.json) printJson(jsonOf({ ...metagraph, commitments }));
      else render(metagraph, commitments);
    });
  },
});

async function blockHashOf(chain: ChainClient, at: string | undefined): Promise<BlockHash | undefined> {
  if (at === undefined || /^0x[0-9a-f]{64}$/.test(at)) return at;
  const number = integer(at, { flag: "at", min: 0 });
  const hash = await chain.blockHash(number);
  if (hash !== null) return hash;
  throw new OperatorError(
    `The chain has no block ${number} yet; it is at ${(await chain.head()).number}.`,
    "Give an earlier block with --at.",
  );
}

function render(metagraph: Metagraph, commitments: readonly FullCommitment[]): void {
  const byHotkey = new Map(commitments.map((commitment) => [commitment.hotkey, commitment]));
  print(
    `subnet ${metagraph.netuid} at block ${metagraph.block}, ${metagraph.neurons.length} neurons, an epoch every ${metagraph.tempoBlocks} blocks\n`,
  );
  printTable(
    [
      "uid",
      "hotkey",
      "stake τ",
      "permit",
      "vtrust",
      "incentive",
      "consensus",
      "dividends",
      "emission τ",
      "updated",
      "commitment",
    ],
    metagraph.neurons.map((neuron) => {
      const commitment = byHotkey.get(neuron.hotkey);
      return [
        neuron.uid,
        neuron.hotkey,
        neuron.stakeTao.toFixed(2),
        neuron.validatorPermit ? "yes" : "",
        neuron.validatorTrust.toFixed(4),
        neuron.incentive.toFixed(4),
        neuron.consensus.toFixed(4),
        neuron.dividends.toFixed(4),
        (Number(neuron.emissionRao) / 1e9).toFixed(4),
        neuron.lastUpdateBlock === 0 ? "" : `${metagraph.block - neuron.lastUpdateBlock} ago`,
        commitment === undefined ? "" : `${commitment.block}: ${textOf(commitment.data)}`,
      ];
    }),
  );
}

function textOf(data: Uint8Array): string {
  const text = printable(new TextDecoder().decode(data)).replace(/\s+/g, " ");
  return text.length > commitmentCharsMax ? `${text.slice(0, commitmentCharsMax)}…` : text;
}
