/** `finetune mine status`: what validators see of a miner, and what they have made of it. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { onInterrupt } from "../base/interrupt.ts";
import { printable } from "../base/log.ts";
import { connectHub } from "../hub/connection.ts";
import { type MinerStatus, readMinerStatus } from "../miner/status.ts";
import { readResults, type ValidatorResult } from "../miner/validator-results.ts";
import {
  addressOf,
  chainArgs,
  checkedAddress,
  jsonArg,
  netuidOf,
  uriArg,
  walletArgs,
  withChain,
} from "./chain-access.ts";
import { command } from "./command.ts";
import { namedCompetitions, namedCompetitionsArg } from "./competitions.ts";
import { MovingLine } from "./moving-line.ts";
import { megabytes, print, printJson, printTable, transferred } from "./output.ts";
import { settingArgs, settingOf } from "./settings.ts";

/** The newest rounds of a validator. */
const resultsMax = 5;

export default command({
  summary: "what validators see: commitment, repository, from when it is measured, last results",
  examples: [
    {
      line: "mine status --wallet.name miner",
      explains: "the wallet's hotkey; exit code 1 when it cannot be measured",
    },
    {
      line: "mine status --hotkey 5Grw… --results validator.sqlite --json",
      explains: "any hotkey, with what a validator has made of it",
    },
    {
      line: "mine status --wallet.name miner --results http://validator.example:8080",
      explains: "the same from a validator's page, as `finetune web` shows it",
    },
  ],
  args: {
    hotkey: { type: "string", valueHint: "SS58", description: "another hotkey than the wallet's" },
    results: {
      type: "string",
      valueHint: "FILE|URL",
      description: "a validator's state file, or the address of its page: the last results are in it",
    },
    competitions: namedCompetitionsArg,
    ...settingArgs("hub", "cache"),
    ...chainArgs,
    ...walletArgs,
    uri: { ...uriArg, description: "of a development hotkey such as //Alice" },
    json: jsonArg,
  },
  async run(args) {
    const hotkey = args.hotkey === undefined ? await addressOf(args, "hotkey") : checkedAddress(args.hotkey);
    const competitions = await namedCompetitions(args.competitions);
    const workFolder = join(settingOf("cache", args), "status", hotkey);
    const line = process.stderr.isTTY && !args.json ? new MovingLine() : undefined;
    const status = await withChain(args, (chain, signal) =>
      readMinerStatus({
        chain,
        signal,
        hotkey,
        competitions,
        workFolder,
        netuid: netuidOf(args),
        hub: connectHub({ url: settingOf("hub", args) }),
        onProgress: (progress) => line?.show(printable(`downloading ${progress.what}: ${transferred(progress)}`)),
      }),
    );
    line?.clear();
    await rm(workFolder, { recursive: true, force: true });
    const uid = status.neuron?.uid;
    const results =
      args.results === undefined || uid === undefined
        ? null
        : await readResults(args.results, { uid, hotkey, roundsMax: resultsMax, signal: onInterrupt() });
    if (args.json) printJson({ ...status, results });
    else show(status, results);
    const measurable = status.repository?.kind === "as-committed" && status.evaluation.kind === "from-block";
    return measurable ? 0 : 1;
  },
});

function show(status: MinerStatus, results: readonly ValidatorResult[] | null): void {
  const { neuron, hotkey, block } = status;
  printTable(
    ["", `block ${block}`],
    [
      ["hotkey", hotkey],
      ["neuron", neuron === null ? "not registered" : `uid ${neuron.uid}, incentive ${neuron.incentive.toFixed(4)}`],
      ["commitment", commitmentText(status)],
      ["repository", repositoryText(status)],
      ["measured", evaluationText(status)],
    ],
  );
  if (results === null) return;
  print();
  if (results.length === 0) {
    print("The validator has no round with this hotkey.");
    return;
  }
  const shown = (value: number | null) => (value === null ? "–" : value.toFixed(4));
  printTable(
    ["round", "competition", "model", "result", "rank", "score", "win rate", "weight"],
    results.map((row) => [
      row.syncBlock,
      row.competitionId,
      `${row.repo ?? "–"}@${row.revision?.slice(0, 8) ?? ""}`,
      row.outcome ?? row.reason ?? row.state,
      row.rank ?? "–",
      shown(row.score),
      shown(row.winRate),
      shown(row.subnetWeight),
    ]),
  );
}

function commitmentText({ commitment }: MinerStatus): string {
  if (commitment === null) return "none";
  if (commitment.kind === "unreadable") return `block ${commitment.block}, not readable: ${commitment.detail}`;
  const { repo, revision, competitionId, block } = commitment;
  return `${repo}@${revision} to competition ${competitionId}, at block ${block}`;
}

function repositoryText({ repository }: MinerStatus): string {
  switch (repository?.kind) {
    case undefined:
      return "–";
    case "as-committed":
      return `public, ${megabytes(repository.bytes)} MB, as committed`;
    case "hash-mismatch":
      return "public, but its files are not what this hotkey committed";
    case "not-readable":
      return `a stranger cannot download it: ${repository.detail}`;
  }
}

function evaluationText({ evaluation, block }: MinerStatus): string {
  if (evaluation.kind === "never") return `never: ${evaluation.detail}`;
  const { fromBlock, nextSyncBlock } = evaluation;
  const since = fromBlock <= block ? `since block ${fromBlock}` : `from block ${fromBlock} on`;
  return `${since}; the next round begins at block ${nextSyncBlock}`;
}
