/** `finetune mine check`: whether a model would win, measured as validators measure it. */
import { join } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { log, printable } from "../base/log.ts";
import { Random } from "../base/random.ts";
import type { ChainClient } from "../chain/client.ts";
import { readCommitment } from "../competition/commitment.ts";
import type { Competition } from "../competition/competition.ts";
import { competitionAt, roundSeed } from "../competition/schedule.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { openModelCache } from "../hub/cache.ts";
import type { CheckReport, RivalReport } from "../miner/check.ts";
import type { BlockHash } from "../subnet.ts";
import { chainArgs, jsonArg, netuidOf, withChain } from "./chain-access.ts";
import { command } from "./command.ts";
import { competitionFileArg, loadCompetitions } from "./competitions.ts";
import { folderBytes } from "./inspect-folder.ts";
import { print, printJson } from "./output.ts";
import { hubOf } from "./remote-model.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";

export default command({
  summary: "measure a model against the best of a competition before publishing it",
  examples: [
    {
      line: "mine check ./mine --competition 1 --competitions demo",
      explains: "every constraint, the loss on a fresh draw, the probability of winning; exits 1 for `not yet`",
    },
  ],
  args: {
    folder: { type: "positional", required: true, description: "the model's folder", valueHint: "DIR" },
    competition: { type: "string", valueHint: "ID", required: true, description: "what it would contend in" },
    competitions: { ...competitionFileArg, default: "sn37-latest" },
    rivals: {
      type: "string",
      valueHint: "N",
      default: "3",
      description: "how many of the best paid models it is measured against",
    },
    tokenizer: { type: "string", valueHint: "DIR", description: "the competition's own tokenizer, where it has one" },
    threads: { type: "string", valueHint: "N", description: "cores (default: all)" },
    ...settingArgs("hub", "token", "cache", "datasets", "wandb", "wandb-key", "language"),
    ...chainArgs,
    json: jsonArg,
  },
  async run(args) {
    const { checkModel } = await import("../miner/check.ts");
    const { measureBatches } = await import("../validator/batches.ts");
    const file = await loadCompetitions(args.competitions);
    const id = integer(args.competition, { flag: "competition", min: 1, max: 65_535 });
    const report = await withChain(args, async (chain, signal) => {
      const head = await chain.head();
      const competition = competitionAt(file, head.number, id);
      if (competition === undefined)
        throw new OperatorError(
          `Competition ${id} does not run at block ${head.number}.`,
          "See `finetune competition at`.",
        );
      if (competition.constraints.tokenizer !== null && args.tokenizer === undefined)
        throw new OperatorError(
          `Competition ${id} measures with the tokenizer ${competition.constraints.tokenizer}.`,
          "Download it and name its folder with --tokenizer.",
        );
      const texts = await drawTexts(args, chain, { competition, block: head.number, blockHash: head.hash, signal });
      await using rivals = await downloadRivals(args, chain, { competitionId: id, signal });
      return await checkModel({
        folder: args.folder,
        repositoryBytes: await folderBytes(args.folder),
        competition,
        block: head.number,
        rivals: rivals.list,
        texts,
        ask: measureBatches,
        seed: roundSeed(head.hash),
        ...(args.tokenizer === undefined ? {} : { tokenizerFolder: args.tokenizer }),
        ...(args.threads === undefined ? {} : { threads: integer(args.threads, { flag: "threads", min: 1 }) }),
        signal,
        onModel: (name) => log.info(printable(`measuring ${name}`)),
      });
    });
    if (args.json) printJson(report);
    else print(printable(describe(report)));
    return report.verdict === "publish" ? 0 : 1;
  },
});

type Args = Readonly<Record<string, unknown>> & { readonly rivals: string };

/** A draw that no validator has made: the newest block's hash is its seed. */
async function drawTexts(
  args: Args,
  chain: ChainClient,
  at: {
    readonly competition: Competition;
    readonly block: number;
    readonly blockHash: BlockHash;
    readonly signal: AbortSignal;
  },
): Promise<Map<string, readonly TaskText[]>> {
  const { openSources } = await import("../validator/sources.ts");
  const draw = openSources({
    hubUrl: settingOf("hub", args),
    hubToken: settingOf("token", args),
    datasetsUrl: settingOf("datasets", args),
    wandbUrl: settingOf("wandb", args),
    wandbKey: settingOf("wandb-key", args),
    languageUrl: settingOf("language", args),
    cacheFolder: join(settingOf("cache", args), "datasets"),
    chain,
  });
  const { competition, block: syncBlock, blockHash: syncBlockHash, signal } = at;
  const texts = new Map<string, readonly TaskText[]>();
  for (const task of competition.tasks) {
    const random = new Random(roundSeed(syncBlockHash));
    const drawn = await draw(task, { random, competition, syncBlock, syncBlockHash, signal });
    if (drawn.kind === "drawn") texts.set(task.name, drawn.texts);
    else log.warn(printable(`task ${task.name} is left out: ${drawn.reason}`));
  }
  if (texts.size === 0)
    throw new OperatorError(
      "No task's texts could be drawn.",
      "Check the settings of the data's sources and try again.",
    );
  return texts;
}

/** The best paid models of the competition, in use until disposed. */
async function downloadRivals(
  args: Args,
  chain: ChainClient,
  { competitionId, signal }: { readonly competitionId: number; readonly signal: AbortSignal },
) {
  const netuid = netuidOf(args);
  const incentives = new Map(
    (await chain.metagraph(netuid)).neurons.map(({ hotkey, incentive }) => [hotkey, incentive] as const),
  );
  const committed = (await chain.commitments(netuid))
    .flatMap(({ hotkey, block, data }) => {
      const model = readCommitment(data);
      const incentive = incentives.get(hotkey);
      if ("kind" in model || incentive === undefined || model.competitionId !== competitionId) return [];
      return [{ repo: `${model.namespace}/${model.name}`, revision: model.revision, block, incentive }];
    })
    .sort((a, b) => b.incentive - a.incentive || a.block - b.block)
    .slice(0, integer(args.rivals, { flag: "rivals", min: 0 }));
  const cache = openModelCache({ folder: join(settingOf("cache", args), "models"), bytesMax: cacheBytesMax });
  const held: { name: string; folder: string; block: number; release: () => void }[] = [];
  for (const { repo, revision, block } of committed) {
    const outcome = await cache.acquire(hubOf(args), { repo, revision, bytesMax: cacheBytesMax, signal });
    if (outcome.kind === "downloaded")
      held.push({ name: repo, folder: outcome.folder, block, release: () => outcome.release() });
    else log.warn(printable(`${repo} is left out: ${outcome.detail}`));
  }
  return {
    list: held,
    async [Symbol.asyncDispose]() {
      for (const { release } of held) release();
    },
  };
}

const cacheBytesMax = 100e9;

function describe({ verdict, problems, score, rivals, failedRivals }: CheckReport): string {
  const lines = problems.map(({ reason, detail }) => `Validators refuse it: ${reason}. ${detail}`);
  if (score !== null) lines.push(`Score ${score.toFixed(5)} on a fresh draw; lower is better.`);
  lines.push(...rivals.map(describeRival));
  lines.push(...failedRivals.map(({ name, reason }) => `${name} cannot be measured: ${reason}.`));
  return [...lines, verdict === "publish" ? "publish" : "not yet"].join("\n");
}

function describeRival(rival: RivalReport): string {
  const { name, block, score, epsilon, threshold, comparison, wins, improvementNeeded, winsFromBlock } = rival;
  const chance =
    comparison === null ? "" : `, probability of winning ${(100 * comparison.probabilityBetter).toFixed(1)} %`;
  const standing = wins
    ? "below it"
    : `it must become ${(100 * improvementNeeded).toFixed(2)} % lower${winsFromBlock === null ? "" : `, or wait for block ${winsFromBlock}`}`;
  return `${name} (block ${block}): score ${score.toFixed(5)}, ε ${epsilon}, to undercut ${threshold.toFixed(5)}: ${standing}${chance}.`;
}
