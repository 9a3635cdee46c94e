/** What every part of the validator's round works with, and what it says while it works. */

import type { ChildLimits } from "../base/process-limits.ts";
import type { ChainClient } from "../chain/client.ts";
import type { Keypair } from "../chain/keypair.ts";
import type { Competition, CompetitionFile } from "../competition/competition.ts";
import type { ModelCache } from "../hub/cache.ts";
import type { Hub } from "../hub/connection.ts";
import type { Store } from "../store/store.ts";
import type { Block, Netuid, Uid } from "../subnet.ts";
import type { TextSources } from "./text-source.ts";
import type { TokenCache } from "./token-cache.ts";

export interface ValidatorContext {
  readonly store: Store;
  readonly chain: ChainClient;
  readonly netuid: Netuid;
  readonly hub: Hub;
  readonly cache: ModelCache;
  /** Where the competitions' own tokenizers are kept. */
  readonly tokenizersFolder: string;
  readonly sources: TextSources;
  readonly tokenCache: TokenCache;
  readonly rules: StoredRules;
  /** Signs weights; absent when nothing may be written to the chain. */
  readonly signer?: Keypair;
  readonly limits: Partial<ChildLimits>;
  readonly threads?: number;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** The competition file, and under which digests the store knows it and its competitions. */
export interface StoredRules {
  readonly file: CompetitionFile;
  readonly digest: string;
  readonly digestOf: ReadonlyMap<Competition, string>;
}

export type Report = (progress: Progress) => void;

export type Progress =
  | { readonly kind: "waiting"; readonly block: Block; readonly nextSyncBlock: Block }
  | { readonly kind: "round"; readonly competition: string; readonly syncBlock: Block; readonly resumed: boolean }
  | {
      readonly kind: "downloading";
      readonly uid: Uid;
      readonly repo: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: "admitted"; readonly uid: Uid; readonly repo: string }
  /** A child holds the model: `mode` is how its parameters are widened (eval/memory.ts). */
  | {
      readonly kind: "opened";
      readonly uid: Uid;
      readonly repo: string;
      readonly mode: "load" | "run";
      readonly threads: number;
    }
  | { readonly kind: "refused" | "failed"; readonly uid: Uid; readonly reason: string; readonly detail: string }
  | { readonly kind: "task-dropped"; readonly task: string; readonly reason: string }
  /** What the round asks is stored: from here on it is the same whatever becomes of its sources. */
  | { readonly kind: "drawn"; readonly tasks: number; readonly samples: number }
  | {
      readonly kind: "measuring";
      readonly uid: Uid;
      readonly repo: string;
      readonly task: string;
      readonly batch: number;
      readonly batches: number;
      readonly tokensPerSecond: number;
      readonly secondsLeft: number;
    }
  | {
      readonly kind: "measured";
      readonly uid: Uid;
      readonly repo: string;
      readonly task: string;
      readonly lossMean: number;
    }
  | { readonly kind: "judged"; readonly syncBlock: Block; readonly winner: Uid | null; readonly contenders: number }
  | { readonly kind: "abandoned"; readonly syncBlock: Block; readonly reason: string }
  | { readonly kind: "interrupted"; readonly detail: string }
  | { readonly kind: "disk"; readonly models: number; readonly usedBytes: number; readonly freedBytes: number }
  | { readonly kind: "weights"; readonly outcome: string; readonly detail: string };
