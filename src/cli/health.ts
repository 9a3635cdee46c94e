/** `finetune health`: does this validator do its work? For a person, and by its exit code for a supervisor. */
import { existsSync } from "node:fs";
import { readChain } from "../store/chain.ts";
import { openStore } from "../store/store.ts";
import { latestSubmission } from "../store/submissions.ts";
import type { Metagraph } from "../subnet.ts";
import { areWeightsOverdue, weightsIntervalBlocks } from "../validator/overdue.ts";
import { addressOf, chainArgs, jsonArg, netuidOf, uriArg, walletArgs, withChain } from "./chain-access.ts";
import { command, exitCode } from "./command.ts";
import { print, printJson } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

export default command({
  summary: "whether this validator does its work: exit code 1 when it does not",
  examples: [
    {
      line: "health --db state.sqlite --wallet.name validator",
      explains: "the chain, the hotkey, the weights, the state file",
    },
    { line: "health --interval-blocks 100 --json || alert", explains: "alert when weights are 200 blocks old" },
  ],
  args: {
    ...chainArgs,
    ...walletArgs,
    ...settingArgs("db"),
    uri: { ...uriArg, description: "of a development hotkey such as //Alice" },
    "interval-blocks": {
      type: "string",
      valueHint: "N",
      description: `how often weights are due; twice this without any is an alarm [default ${weightsIntervalBlocks}]`,
    },
    json: jsonArg,
  },
  run: async (args) => {
    const intervalBlocks = integer(args["interval-blocks"] ?? String(weightsIntervalBlocks), {
      flag: "interval-blocks",
      min: 1,
    });
    const [netuid, hotkey] = [netuidOf(args), await addressOf(args, "hotkey")];
    const findings = await withChain(args, async (chain) => {
      const metagraph = await chain.metagraph(netuid);
      const head = await chain.head({ finalised: true });
      const lagBlocks = metagraph.block - head.number;
      return [
        finding("chain", lagBlocks < 64, `block ${metagraph.block}, final up to ${head.number}, at ${chain.endpoint}`),
        ...neuronFindings(metagraph, hotkey, intervalBlocks),
        ...(await storeFindings(settingOf("db", args), chain.genesisHash)),
      ];
    });
    const ok = findings.every((found) => found.ok);
    if (args.json) printJson({ ok, netuid, hotkey, findings });
    else for (const { check, ok: sound, detail } of findings) print(`${sound ? "ok  " : "BAD "} ${check}: ${detail}`);
    return ok ? exitCode.success : exitCode.failure;
  },
});

function neuronFindings(metagraph: Metagraph, hotkey: string, intervalBlocks: number): Finding[] {
  const neuron = metagraph.neurons.find((candidate) => candidate.hotkey === hotkey);
  if (neuron === undefined)
    return [
      finding(
        "registration",
        false,
        `${hotkey} is not registered in subnet ${metagraph.netuid}: \`finetune register\``,
      ),
    ];
  const age = metagraph.block - neuron.lastUpdateBlock;
  const updated =
    neuron.lastUpdateBlock === 0
      ? "no weights have ever been accepted"
      : `the last weights were accepted ${age} blocks ago`;
  return [
    finding("registration", true, `uid ${neuron.uid} since block ${neuron.registrationBlock}`),
    finding(
      "permit",
      neuron.validatorPermit,
      neuron.validatorPermit
        ? `held, with ${neuron.stakeTao.toFixed(2)} τ of stake`
        : `none: ${neuron.stakeTao.toFixed(2)} τ of stake are too few`,
    ),
    finding(
      "weights",
      neuron.lastUpdateBlock > 0 && !areWeightsOverdue(metagraph.block, neuron.lastUpdateBlock, intervalBlocks),
      `${updated}, due every ${intervalBlocks}`,
    ),
  ];
}

async function storeFindings(path: string, genesisHash: string): Promise<Finding[]> {
  if (!existsSync(path)) return [];
  const store = await openStore({ path, mode: "read" });
  try {
    const bound = await readChain(store);
    const last = await latestSubmission(store);
    const isBad = last?.state === "refused" || last?.state === "lost";
    return [
      finding(
        "state file",
        bound === undefined || bound.genesisHash === genesisHash,
        bound === undefined
          ? `${path} has not met a chain yet`
          : bound.genesisHash === genesisHash
            ? path
            : `${path} belongs to another chain (genesis ${bound.genesisHash})`,
      ),
      finding(
        "submission",
        !isBad,
        last === undefined ? "none yet" : `the last one, at block ${last.block}, is ${last.state}`,
      ),
    ];
  } finally {
    await store.close();
  }
}

function finding(check: string, ok: boolean, detail: string): Finding {
  return { check, ok, detail };
}
