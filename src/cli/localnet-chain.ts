/** `finetune localnet chain`: the local chain alone. */
import { FailureError, messageOf, OperatorError } from "../base/errors.ts";
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";
import { decimal, integer, repeated } from "./values.ts";

export default command({
  summary: "run a local chain alone: what chain clients and the Python SDK use of subtensor",
  examples: [
    { line: "localnet chain --dir chain", explains: "a chain on any free port, with its blocks under chain/" },
    {
      line: "localnet chain --validator //Val0=1000 --tempo-blocks 20 --rate-limit-blocks 5",
      explains: "a fresh subnet with a validator that holds a permit, and quick epochs",
    },
    {
      line: "localnet chain --fault rpc-drop=0.05,latency=200ms,stall=30s,reorg",
      explains: "a chain that often fails, to test clients against",
    },
  ],
  outlivesReaders: true,
  args: {
    dir: { type: "string", valueHint: "DIR", description: "where everything is kept", default: "localnet/chain" },
    port: { type: "string", valueHint: "N", description: "0: any free port", default: "0" },
    "block-ms": { type: "string", valueHint: "N", description: "time between blocks", default: "250" },
    netuid: { type: "string", valueHint: "N", description: "the subnet's number", default: "1" },
    faucet: { type: "string", valueHint: "URI", description: "the account with plenty of TAO", default: "//Alice" },
    validator: {
      type: "string",
      valueHint: "URI[:HOTKEY]=TAO",
      description:
        "a coldkey and its stake on a hotkey (URI//hotkey unless an address is given); may be given several times",
    },
    "tempo-blocks": { type: "string", valueHint: "N", description: "blocks of an epoch", default: "360" },
    "rate-limit-blocks": { type: "string", valueHint: "N", description: "blocks between weights", default: "100" },
    "immunity-blocks": {
      type: "string",
      valueHint: "N",
      description: "blocks that protect a newcomer",
      default: "5000",
    },
    "uids-max": { type: "string", valueHint: "N", description: "neurons of the subnet", default: "256" },
    "validators-max": { type: "string", valueHint: "N", description: "neurons that may hold a permit", default: "64" },
    "commit-reveal": { type: "boolean", description: "weights are committed first, and revealed an epoch later" },
    fault: {
      type: "string",
      valueHint: "NAME=VALUE,…",
      description: "go wrong: rpc-drop=P, cut=P, latency=DURATION, stall=DURATION[@BLOCKS], reorg[@BLOCKS]",
    },
    seed: { type: "string", valueHint: "N", description: "seed of the faults", default: "0" },
    json: { type: "boolean", description: "print one JSON document when ready" },
    child: { type: "boolean", description: "end when standard input ends" },
  },
  async run(args, rawArgs) {
    const { startChain } = await import("../localnet/chain/server.ts");
    const { serve } = await import("../localnet/serving.ts");
    const count = (
      flag: "block-ms" | "tempo-blocks" | "rate-limit-blocks" | "immunity-blocks" | "uids-max" | "validators-max",
      min: number,
    ) => integer(args[flag], { flag, min, max: flag === "block-ms" ? 600_000 : 65_535 });
    const { faultsSyntax, parseFaults } = await import("../localnet/chain/faults.ts");
    const faults = parseFaults(args.fault ?? "");
    if (faults === null)
      throw new OperatorError(`--fault ${args.fault} cannot be understood.`, `Give any of: ${faultsSyntax}.`);
    const chain = await startChain({
      faults,
      faultSeed: integer(args.seed, { flag: "seed", min: 0 }),
      folder: args.dir,
      port: integer(args.port, { flag: "port", min: 0, max: 65_535 }),
      blockMs: count("block-ms", 10),
      netuid: integer(args.netuid, { flag: "netuid", min: 1, max: 4095 }),
      faucetUri: args.faucet,
      neurons: repeated(rawArgs, "validator").map(validatorOf),
      parameters: {
        tempoBlocks: count("tempo-blocks", 1),
        weightsRateLimitBlocks: count("rate-limit-blocks", 0),
        immunityBlocks: count("immunity-blocks", 0),
        uidsMax: count("uids-max", 1),
        validatorsMax: count("validators-max", 1),
        commitReveal: args["commit-reveal"] === true,
      },
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE")
        throw new OperatorError(`Port ${args.port} is taken.`, "Give another --port, or 0 for any free one.");
      if (error.name === "SQLiteError" || /^E[A-Z]+$/.test(error.code ?? ""))
        throw new OperatorError(
          `The chain in ${args.dir} cannot be opened: ${error.message}.`,
          "Give a --dir that can be written and holds a chain or nothing.",
        );
      throw error;
    });
    const announce = () => {
      if (args.json) return printJson({ url: chain.url, netuid: chain.netuid, genesisHash: chain.genesisHash });
      print(`The chain listens on ${chain.url}; its subnet is ${chain.netuid}.`);
      print(`The faucet is ${args.faucet}; a block comes every ${args["block-ms"]} ms.`);
    };
    const failed = chain.failed.then(async (error) => {
      await chain.close();
      throw new FailureError(
        `The chain cannot build blocks any more: ${messageOf(error)}.`,
        `See that ${args.dir} can be written and has room, and start it again: no block is lost.`,
      );
    });
    await Promise.race([serve({ child: args.child === true, announce, close: chain.close }), failed]);
  },
});

function validatorOf(text: string) {
  const match = /^(?<coldkeyUri>\/\/[^:=]+)(:(?<hotkey>[1-9A-HJ-NP-Za-km-z]+))?=(?<tao>[0-9.]+)$/.exec(text);
  if (match?.groups === undefined)
    throw new OperatorError(
      `--validator ${text} is not a coldkey and a stake.`,
      "Give a key URI and TAO, such as --validator //Val0=1000.",
    );
  const { coldkeyUri, hotkey, tao } = match.groups;
  const stakeTao = decimal(tao!, { flag: "validator", min: 0, max: 1e9 });
  return { coldkeyUri: coldkeyUri!, stakeTao, ...(hotkey === undefined ? {} : { hotkey }) };
}
