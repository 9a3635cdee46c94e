/** `finetune weights submit`: sets weights by hand, in the way that the subnet takes them. */
import { existsSync, writeFileSync } from "node:fs";
import { OperatorError } from "../base/errors.ts";
import { log } from "../base/log.ts";
import type { WeightsMethod } from "../chain/client.ts";
import {
  chainArgs,
  jsonArg,
  jsonOf,
  netuidOf,
  reportSubmission,
  signerOf,
  uriArg,
  walletArgs,
  withChain,
} from "./chain-access.ts";
import { command } from "./command.ts";
import { decimal, integer, repeated } from "./values.ts";

const methods: readonly WeightsMethod[] = ["plain", "hash-commit", "timelocked"];

export default command({
  summary: "set weights by hand",
  examples: [
    {
      line: "weights submit --netuid 37 --weight 3=0.7 --weight 8=0.3 --wallet.name validator",
      explains: "two weights, in any unit",
    },
    {
      line: "weights submit --weight 3=1 --method hash-commit --reveal-file reveal.json",
      explains: "commit a hash; `weights reveal reveal.json` shows what it was",
    },
  ],
  outlivesReaders: true,
  args: {
    ...chainArgs,
    weight: {
      type: "string",
      valueHint: "UID=WEIGHT",
      description: "a neuron's weight; give it once for each",
      required: true,
    },
    "version-key": { type: "string", valueHint: "N", description: "[default: the subnet's own]" },
    mecid: { type: "string", valueHint: "N", description: "the subnet's mechanism [default 0]" },
    method: {
      type: "string",
      valueHint: methods.join("|"),
      description: "[default: what the chain's parameters ask for]",
    },
    "reveal-file": {
      type: "string",
      valueHint: "FILE",
      description: "where a hash commit's secret is kept until its reveal",
    },
    ...walletArgs,
    uri: uriArg,
    json: jsonArg,
  },
  run: async (args, rawArgs) => {
    const netuid = netuidOf(args);
    const entries = repeated(rawArgs, "weight").map(entryOf);
    const method = methodOf(args.method);
    const revealFile = args["reveal-file"];
    if (method === "hash-commit" && revealFile === undefined)
      throw new OperatorError(
        "A hash commit can only be revealed by who knows its salt.",
        "Give --reveal-file FILE: the secret is written there before anything is sent.",
      );
    if (revealFile !== undefined && existsSync(revealFile))
      throw new OperatorError(
        `${revealFile} exists, and may hold the secret of a commit that is not revealed yet.`,
        "Name another file, or remove this one once its commit is revealed.",
      );
    const signer = await signerOf(args, "hotkey");
    return await withChain(args, async (chain, signal) => {
      const { versionKey, commitRevealEnabled } = await chain.hyperparameters(netuid);
      const submission = await chain.submitWeights({
        netuid,
        mecid: integer(args.mecid ?? "0", { flag: "mecid", min: 0, max: 255 }),
        uids: entries.map(({ uid }) => uid),
        weights: entries.map(({ weight }) => weight),
        versionKey:
          args["version-key"] === undefined
            ? versionKey
            : BigInt(integer(args["version-key"], { flag: "version-key", min: 0 })),
        signer,
        signal,
        ...(method === undefined ? {} : { method }),
        onWait: (blocks) => log.info(`The rate limit has ${blocks} blocks to go; waiting.`),
        onReveal: (reveal) => keepReveal(revealFile, reveal),
      });
      if (submission.reveal !== null) keepReveal(revealFile, submission.reveal);
      const done = {
        plain: "Weights set",
        "hash-commit": "Weights committed by hash",
        timelocked: `Weights committed; round ${submission.revealRound} opens them`,
      };
      const { droppedOwn, dust } = submission.row;
      if (!args.json && droppedOwn)
        log.info("The weight on the signer itself is left out: consensus does not count it.");
      if (!args.json && dust.length > 0)
        log.info(`Too small for the chain's 16 bits, and left out: uid ${dust.join(", ")}.`);
      if (!args.json && commitRevealEnabled) log.info(`Subnet ${netuid} takes weights by commit and reveal.`);
      return reportSubmission(submission, { json: args.json === true, done: done[submission.method] });
    });
  },
});

function keepReveal(file: string | undefined, reveal: unknown): void {
  if (file === undefined)
    throw new OperatorError(
      "The chain takes weights by hash and reveal here, and nothing would keep the salt.",
      "Give --reveal-file FILE.",
    );
  writeFileSync(file, `${JSON.stringify(jsonOf(reveal))}\n`, { mode: 0o600 });
}

function entryOf(text: string): { uid: number; weight: number } {
  const [, uid, weight] = /^(\d+)=(.+)$/.exec(text) ?? [];
  if (uid === undefined || weight === undefined)
    throw new OperatorError(`--weight is \`${text}\`, which is not UID=WEIGHT.`, "Write --weight 3=0.7.");
  return {
    uid: integer(uid, { flag: "weight", min: 0, max: 65_535 }),
    weight: decimal(weight, { flag: "weight", min: 0, max: 1e18 }),
  };
}

function methodOf(text: string | undefined): WeightsMethod | undefined {
  const method = methods.find((name) => name === text);
  if (text !== undefined && method === undefined)
    throw new OperatorError(
      `--method is \`${text}\`, which is no way to set weights.`,
      `Give one of ${methods.join(", ")}.`,
    );
  return method;
}
