/** Where the texts of each kind of source come from. */
import type { ChainClient } from "../chain/client.ts";
import type { Source } from "../competition/competition.ts";
import { type DataBounds, defaultDataBounds } from "../data/remote/bounds.ts";
import { blockTimesOf } from "./block-time.ts";
import { jsonLines, parquetFile, textFolder } from "./file-sources.ts";
import { arithmetic, dyck, wordSorting } from "./generated-sources.ts";
import { codeforces, fineweb, instructions, synthetic1, syntheticMmlu } from "./hub-sources.ts";
import { cortexStream } from "./run-source.ts";
import { stakesOf } from "./stakes.ts";
import type { Draw, Drawn, TextSource, TextSources } from "./text-source.ts";

export interface Outside {
  readonly hubUrl: string;
  readonly datasetsUrl: string;
  readonly wandbUrl: string;
  /** Of NLTK's data, or a mirror of it. */
  readonly languageUrl: string;
  /** Empty: anonymous. */
  readonly hubToken: string;
  readonly wandbKey: string;
  /** Where what is fetched is kept. */
  readonly cacheFolder: string;
  readonly chain: Pick<ChainClient, "metagraph" | "timestampMs">;
  readonly bounds?: Partial<DataBounds>;
}

/** Sources over what is outside; nothing is asked for before a task is drawn. */
export function openSources(outside: Outside): TextSources {
  const bounds = { ...defaultDataBounds, ...outside.bounds };
  const { cacheFolder, chain } = outside;
  const datasets = {
    hubUrl: withoutSlash(outside.hubUrl),
    datasetsUrl: withoutSlash(outside.datasetsUrl),
    token: outside.hubToken || undefined,
    cacheFolder,
    bounds,
  };
  const wandb = { url: withoutSlash(outside.wandbUrl), key: outside.wandbKey || undefined, bounds };
  const stakes = stakesOf(chain);
  const language = { languageUrl: withoutSlash(outside.languageUrl), cacheFolder, bounds };
  const table: { readonly [Kind in Source["kind"]]: TextSource<Kind> } = {
    fineweb: fineweb(datasets),
    "synthetic-mmlu": syntheticMmlu(datasets, stakes),
    "synthetic-1-sft": synthetic1(datasets),
    "codeforces-cots": codeforces(datasets),
    "cortex-stream": cortexStream(wandb, stakes, blockTimesOf(chain)),
    "word-sorting": wordSorting(language),
    dyck,
    instructions: instructions(datasets, language),
    arithmetic,
    jsonl: jsonLines,
    parquet: parquetFile,
    "text-folder": textFolder,
  };
  // The table's key is the source's kind, which the type of a union's members cannot say.
  return (task, draw) => (table[task.source.kind] as (given: typeof task, at: Draw) => Promise<Drawn>)(task, draw);
}

/** Paths are put behind addresses with a slash of their own. */
function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
