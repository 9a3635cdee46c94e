/** The flags and the wiring that `mine check` and `mine run` share: what a model is measured on, and against whom. */
import { join } from "node:path";
import { FailureError } from "../base/errors.ts";
import { log, printable } from "../base/log.ts";
import { Random } from "../base/random.ts";
import type { Competition } from "../competition/competition.ts";
import type { TaskText } from "../eval/tasks/task.ts";
import { openModelCache } from "../hub/cache.ts";
import type { ContestOptions, DrawRequest } from "../miner/contest.ts";
import { netuidOf } from "./chain-access.ts";
import { competitionIdOf, loadCompetitions } from "./competitions.ts";
import { serverArgs, serversOf } from "./data-servers.ts";
import { MovingLine } from "./moving-line.ts";
import { transferred } from "./output.ts";
import { hubOf } from "./remote-model.ts";
import { settingOf } from "./settings.ts";
import { decimal, integer } from "./values.ts";

export const contestArgs = {
  rivals: {
    type: "string",
    valueHint: "N",
    default: "3",
    description: "how many of the best paid models it is measured against",
  },
  tokenizer: {
    type: "string",
    valueHint: "DIR",
    description: "the competition's own tokenizer, where it has one [fetched from the hub]",
  },
  threads: { type: "string", valueHint: "N", description: "cores (default: all)" },
  ...serverArgs,
} as const;

type Args = Readonly<Record<string, unknown>> & {
  readonly competition: string;
  readonly competitions: string;
  readonly rivals: string;
  readonly tokenizer?: string | undefined;
  readonly threads?: string | undefined;
  readonly "disk-max": string;
};

/** How a contest is opened, but for the connection, whose model it is, and what is shown. */
export async function contestOf(
  args: Args,
): Promise<Omit<ContestOptions, "chain" | "signal" | "hotkey" | "onModel" | "onDownload">> {
  const bytesMax = decimal(args["disk-max"], { flag: "disk-max", min: 0.001 }) * 1e9;
  return {
    netuid: netuidOf(args),
    file: await loadCompetitions(args.competitions),
    competitionId: competitionIdOf(args.competition),
    rivalsMax: integer(args.rivals, { flag: "rivals", min: 0, max: 1000 }),
    hub: hubOf(args),
    cache: openModelCache({ folder: join(settingOf("cache", args), "models"), bytesMax }),
    drawTexts: (request) => drawTexts(args, request),
    tokenizerOf: (competition, signal) => tokenizerOf(args, competition, signal),
    ...(args.threads === undefined ? {} : { threads: integer(args.threads, { flag: "threads", min: 1 }) }),
  };
}

async function drawTexts(
  args: Args,
  { chain, competition, seed, block: syncBlock, blockHash: syncBlockHash, signal }: DrawRequest,
): Promise<ReadonlyMap<string, readonly TaskText[]>> {
  const { openSources } = await import("../validator/sources.ts");
  const draw = openSources({ ...serversOf(args), cacheFolder: join(settingOf("cache", args), "datasets"), chain });
  const texts = new Map<string, readonly TaskText[]>();
  for (const task of competition.tasks) {
    const random = new Random(seed);
    const drawn = await draw(task, { random, competition, syncBlock, syncBlockHash, signal });
    if (drawn.kind === "drawn") texts.set(task.name, drawn.texts);
    else log.warn(printable(`task ${task.name} is left out: ${drawn.reason}`));
  }
  if (texts.size > 0) return texts;
  throw new FailureError("No task's texts could be drawn.", "Check the settings of the data's sources and try again.");
}

async function tokenizerOf(args: Args, competition: Competition, signal: AbortSignal): Promise<string | undefined> {
  if (args.tokenizer !== undefined) return args.tokenizer;
  const { competitionTokenizer } = await import("../validator/tokenizer.ts");
  const tokenizersFolder = join(settingOf("cache", args), "tokenizers");
  const found = await competitionTokenizer({ hub: hubOf(args), tokenizersFolder, signal }, competition, null);
  if (found.kind !== "unavailable") return found.kind === "none" ? undefined : found.folder;
  throw new FailureError(
    `Competition ${competition.id} measures with the tokenizer ${competition.constraints.tokenizer}, which cannot be fetched: ${found.detail}.`,
    "Name a folder that holds it with --tokenizer, or run this again.",
  );
}

/** What is under way, on a terminal; elsewhere a line a model. */
export function contestProgress({ json }: { readonly json: boolean }): Pick<ContestOptions, "onModel" | "onDownload"> {
  const line = process.stderr.isTTY && !json ? new MovingLine() : undefined;
  return {
    onModel(name) {
      line?.clear();
      log.info(printable(`measuring ${name}`));
    },
    onDownload: (progress) => line?.show(printable(`downloading ${progress.repo}: ${transferred(progress)}`)),
  };
}
