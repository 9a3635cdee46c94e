/** `finetune mine run`: the miner's loop: draw data, train, check, publish when it is worth it. */
import { join } from "node:path";
import { onInterrupt } from "../base/interrupt.ts";
import { runMiner } from "../miner/run.ts";
import { openStore } from "../store/store.ts";
import { chainArgs, connect, signerOf, uriArg, walletArgs } from "./chain-access.ts";
import { command } from "./command.ts";
import { competitionFileArg } from "./competitions.ts";
import { contestArgs, contestOf } from "./mine-contest.ts";
import { runProgress } from "./mine-run-progress.ts";
import { modelArgs } from "./model-args.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { trainingArgs, trainingOptionsOf } from "./training-args.ts";
import { integer } from "./values.ts";

export default command({
  summary: "train, check and publish again and again, whenever it is worth it",
  examples: [
    {
      line: "mine run --base ./base --out ./turns --repo me/model --competition 4 --wallet.name miner --db miner.sqlite",
      explains: "for ever; after Ctrl-C or a crash the same line goes on where it stopped",
    },
    {
      line: "mine run --base ./base --out ./turns --repo me/model --competition 4 --data ./talks.jsonl --turns 3",
      explains: "three turns, on data of your own",
    },
  ],
  outlivesReaders: true,
  keepsFreedMemory: true,
  args: {
    base: { type: "string", valueHint: "DIR", required: true, description: "the model to begin with" },
    out: { type: "string", valueHint: "DIR", required: true, description: "where the models of all turns are kept" },
    repo: {
      type: "string",
      valueHint: "NAMESPACE/NAME",
      required: true,
      description: "every publication has a new repository: this name and the turn's number",
    },
    competition: { type: "string", valueHint: "ID", required: true, description: "what it contends in" },
    competitions: { ...competitionFileArg, default: "sn37-latest" },
    data: {
      type: "string",
      valueHint: "PATH",
      description:
        "what is learnt, as for `mine train` [what the competition's own sources give, drawn anew each time]",
    },
    turns: {
      type: "string",
      valueHint: "N",
      description: "how often to train, check and publish (default: for ever)",
    },
    ...trainingArgs,
    ...contestArgs,
    "disk-max": modelArgs["disk-max"],
    ...settingArgs("db", "hub", "token", "cache"),
    ...chainArgs,
    ...walletArgs,
    uri: uriArg,
    json: { type: "boolean", description: "print every step as a line of JSON" },
  },
  async run(args) {
    const training = trainingOptionsOf(args);
    const contest = await contestOf(args);
    const signer = await signerOf(args, "hotkey");
    const signal = onInterrupt();
    const progress = runProgress({ json: args.json === true });
    const store = await openStore({ path: settingOf("db", args), mode: "write", create: true });
    try {
      await runMiner({
        store,
        signer,
        contest,
        training,
        signal,
        connect: () => connect(args, signal),
        base: args.base,
        out: args.out,
        source: args.data === undefined ? null : { kind: "files", path: args.data },
        repo: args.repo,
        turns: args.turns === undefined ? Number.POSITIVE_INFINITY : integer(args.turns, { flag: "turns", min: 1 }),
        workFolder: join(settingOf("cache", args), "publish"),
        onEvent: progress.show,
      });
    } finally {
      progress.end();
      await store.close();
    }
  },
});
