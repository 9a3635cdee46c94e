/** `finetune mine check`: whether a model would win, measured as validators measure it. */
import { printable } from "../base/log.ts";
import { folderBytes } from "../model/folder.ts";
import type { Hotkey } from "../subnet.ts";
import { addressOf, chainArgs, checkedAddress, jsonArg, uriArg, walletArgs, withChain } from "./chain-access.ts";
import { command } from "./command.ts";
import { competitionFileArg } from "./competitions.ts";
import { contestArgs, contestOf, contestProgress } from "./mine-contest.ts";
import { inspectAdmissible } from "./mine-inspection.ts";
import { describeReport } from "./mine-report.ts";
import { modelArgs } from "./model-args.ts";
import { findModel } from "./model-source.ts";
import { print, printJson } from "./output.ts";
import { downloadRepository, hubOf, pinRevision } from "./remote-model.ts";

export default command({
  summary: "measure a model against the best of a competition before publishing it",
  examples: [
    {
      line: "mine check ./mine --competition 1 --competitions demo",
      explains: "every constraint, the loss on a fresh draw, the probability of winning; exits 1 for `not yet`",
    },
    {
      line: "mine check me/model-7@main --competition 4 --wallet.name miner --json",
      explains: "a repository, and against what the wallet's hotkey has committed already",
    },
  ],
  args: {
    ...modelArgs,
    competition: { type: "string", valueHint: "ID", required: true, description: "what it would contend in" },
    competitions: { ...competitionFileArg, default: "sn37-latest" },
    hotkey: {
      type: "string",
      valueHint: "SS58",
      description: "whose publication it would be [the wallet's, where one is named]",
    },
    ...contestArgs,
    ...chainArgs,
    ...walletArgs,
    uri: { ...uriArg, description: "of a development hotkey such as //Alice" },
    json: jsonArg,
  },
  async run(args) {
    const { openContest } = await import("../miner/contest.ts");
    const hotkey = await hotkeyOf(args);
    const wiring = await contestOf(args);
    const json = args.json === true;
    const place = await findModel(args);
    const report = await withChain(args, async (chain, signal) => {
      const source = place.kind === "folder" ? undefined : await pinRevision(hubOf(args), place, signal);
      if (source !== undefined) {
        const { number } = await chain.head();
        const refusal = await inspectAdmissible(hubOf(args), { ...source, ...wiring, block: number, signal });
        if (refusal !== undefined) return refusal;
      }
      await using model =
        place.kind === "folder"
          ? { folder: place.path, links: place.links, [Symbol.asyncDispose]: async () => {} }
          : await downloadRepository(args, source!, signal);
      using contest = await openContest({ ...wiring, ...contestProgress({ json }), chain, hotkey, signal });
      return await contest.check({
        name: source?.repo ?? args.model,
        folder: model.folder,
        links: model.links,
        repositoryBytes: await folderBytes(model.folder),
        ...(source === undefined ? {} : { revision: source.revision }),
      });
    });
    if (json) printJson(report);
    else print(printable(describeReport(report)));
    return report.verdict === "publish" ? 0 : 1;
  },
});

/** Only what is named: a default wallet that happens to be there says nothing about whose model this is. */
async function hotkeyOf(args: Readonly<Record<string, unknown>>): Promise<Hotkey | null> {
  if (typeof args.hotkey === "string") return checkedAddress(args.hotkey);
  const named = ["uri", "wallet.name", "wallet.hotkey", "wallet.path"].some((flag) => args[flag] !== undefined);
  return named ? await addressOf(args, "hotkey") : null;
}
