/** `finetune mine publish`: puts a model on the hub and its commitment on the chain, in the safe order. */
import { join } from "node:path";
import { connectHub } from "../hub/connection.ts";
import { publishModel } from "../miner/publish.ts";
import { openStore } from "../store/store.ts";
import { chainArgs, netuidOf, signerOf, uriArg, walletArgs, withChain } from "./chain-access.ts";
import { command } from "./command.ts";
import { competitionIdOf, namedCompetitions, namedCompetitionsArg } from "./competitions.ts";
import { print, printJson } from "./output.ts";
import { publishProgress } from "./publish-progress.ts";
import { settingArgs, settingOf } from "./settings.ts";

export default command({
  summary: "upload a model, commit it on the chain, make it public",
  examples: [
    {
      line: "mine publish ./mine --repo me/model-7 --competition 4 --wallet.name miner --db miner.sqlite",
      explains: "run again after any interruption: it goes on where it stopped",
    },
  ],
  outlivesReaders: true,
  args: {
    folder: { type: "positional", required: true, description: "the model's folder", valueHint: "DIR" },
    repo: { type: "string", valueHint: "NAMESPACE/NAME", required: true, description: "a new repository of the hub" },
    competition: { type: "string", valueHint: "ID", required: true, description: "what the model is committed to" },
    competitions: namedCompetitionsArg,
    ...settingArgs("db", "hub", "token", "cache"),
    ...chainArgs,
    ...walletArgs,
    uri: uriArg,
    json: { type: "boolean", description: "print every step and the result as lines of JSON" },
  },
  async run(args) {
    const competitions = await namedCompetitions(args.competitions);
    const signer = await signerOf(args, "hotkey");
    const store = await openStore({ path: settingOf("db", args), mode: "write", create: true });
    try {
      const published = await withChain(args, (chain, signal) =>
        publishModel({
          store,
          chain,
          signal,
          signer,
          netuid: netuidOf(args),
          hub: connectHub({ url: settingOf("hub", args), token: settingOf("token", args) }),
          competitions,
          folder: args.folder,
          repo: args.repo,
          competitionId: competitionIdOf(args.competition),
          workFolder: join(settingOf("cache", args), "publish"),
          ...publishProgress({ json: args.json === true }),
        }),
      );
      if (args.json) printJson({ kind: "published", ...published });
      else print(`${published.repo}@${published.revision} is committed at block ${published.block} and public.`);
    } finally {
      await store.close();
    }
  },
});
