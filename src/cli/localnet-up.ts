/** `finetune localnet up`: the whole local subnet, until Ctrl-C. */
import { aborted, onInterrupt, onParentGone } from "../base/interrupt.ts";
import { selfCommand } from "../base/self.ts";
import type { Localnet } from "../localnet/localnet.ts";
import { command } from "./command.ts";
import { print, printJson } from "./output.ts";
import { integer } from "./values.ts";

export default command({
  summary: "run a whole subnet: chain, hub and data sources, with wallets and commands to use them",
  examples: [
    { line: "localnet up", explains: "a subnet with everything under localnet/, until Ctrl-C; again: it goes on" },
    { line: "localnet up --dir try --port 9944 --block-ms 12000", explains: "fixed ports and the real pace of blocks" },
  ],
  outlivesReaders: true,
  args: {
    dir: { type: "string", valueHint: "DIR", description: "where everything is kept", default: "localnet" },
    port: {
      type: "string",
      valueHint: "N",
      description: "the chain's port; the hub and the data have the next two; 0: any free ones",
      default: "0",
    },
    "block-ms": { type: "string", valueHint: "N", description: "time between blocks", default: "250" },
    netuid: { type: "string", valueHint: "N", description: "the subnet's number", default: "1" },
    "tempo-blocks": { type: "string", valueHint: "N", description: "blocks of an epoch", default: "360" },
    "rate-limit-blocks": { type: "string", valueHint: "N", description: "blocks between weights", default: "100" },
    "commit-reveal": { type: "boolean", description: "weights are committed first, and revealed an epoch later" },
    fault: { type: "string", valueHint: "NAME=P,…", description: "what the hub does wrong (see `localnet hub`)" },
    json: { type: "boolean", description: "print one JSON document when all is ready" },
    child: { type: "boolean", description: "end when standard input ends" },
  },
  async run(args) {
    const { brokenError, startLocalnet } = await import("../localnet/localnet.ts");
    const interrupted = onInterrupt();
    const signal = args.child ? AbortSignal.any([interrupted, onParentGone()]) : interrupted;
    const count = (flag: "block-ms" | "netuid" | "tempo-blocks" | "rate-limit-blocks", min: number, max: number) =>
      integer(args[flag], { flag, min, max });
    const localnet = await startLocalnet({
      dir: args.dir,
      port: integer(args.port, { flag: "port", min: 0, max: 65_000 }),
      blockMs: count("block-ms", 10, 600_000),
      netuid: count("netuid", 1, 4095),
      tempoBlocks: count("tempo-blocks", 1, 65_535),
      rateLimitBlocks: count("rate-limit-blocks", 0, 65_535),
      commitReveal: args["commit-reveal"] === true,
      ...(args.fault === undefined ? {} : { hubFaults: args.fault }),
      data: true,
      signal,
    });
    try {
      if (args.json) printJson(addresses(localnet));
      else print(instructions(localnet, args.dir));
      const broken = await Promise.race([localnet.broken, aborted(signal)]);
      if (broken !== undefined && !signal.aborted) throw brokenError(broken, args.dir);
      // The terminal has written ^C where the shell's prompt is to begin.
      if (process.stderr.isTTY) process.stderr.write("\n");
    } finally {
      await localnet.close();
    }
  },
});

/** The one line that programs read; its keys are fixed. */
function addresses({ chainUrl, hubUrl, token, netuid, faucet, validator, validatorWallet }: Localnet) {
  return { chain: chainUrl, hub: hubUrl, token, netuid, faucet, validator, wallet: validatorWallet };
}

function instructions(localnet: Localnet, dir: string): string {
  const { chainUrl, hubUrl, dataUrl = "", token, netuid, faucet, validator, validatorWallet, minerWallet } = localnet;
  const self = selfCommand().map(quoted).join(" ");
  const subnet = `--network ${chainUrl} --netuid ${netuid} --hub ${hubUrl}`;
  const keys = ({ path, name, hotkey }: Localnet["minerWallet"]) =>
    `--wallet.path ${quoted(path)} --wallet.name ${name} --wallet.hotkey ${hotkey}`;
  return `The local subnet is ready; Ctrl-C ends it, and the same command goes on with it.

chain       ${chainUrl}   subnet ${netuid}
hub         ${hubUrl}   account local
data        ${dataUrl}   datasets, W&B runs and language data of our own making
faucet      ${faucet}   (a coldkey with plenty of TAO)
validator   ${validator}   (a hotkey with stake and a permit; wallet ${validatorWallet.name})
miner       ${minerWallet.path}/${minerWallet.name}   (a registered hotkey; wallet ${minerWallet.name})

Variables for Python clients and for every command of this program (its competition is 1 of --competitions demo):

  export HF_ENDPOINT=${hubUrl} HF_TOKEN=${token} HF_HUB_DISABLE_XET=1
  export FINETUNE_DATASETS=${dataUrl} FINETUNE_LANGUAGE=${dataUrl} WANDB_BASE_URL=${dataUrl}
  export FINETUNE_NETWORK=${chainUrl} FINETUNE_NETUID=${netuid} FINETUNE_WALLET_PATH=${quoted(minerWallet.path)}

A miner that publishes the model in MODEL, and a validator, each in a terminal of its own:

  ${self} mine publish MODEL --repo local/first-model --competition 1 --competitions demo --db ${quoted(`${dir}/miner.sqlite`)} ${subnet} ${keys(minerWallet)}

  ${self} validate --db ${quoted(`${dir}/validator.sqlite`)} --competitions demo ${subnet} ${keys(validatorWallet)}
`;
}

/** A word as a shell must be given it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
