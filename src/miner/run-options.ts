/** What the miner's loop is told, and what it tells. */
import type { ChainClient } from "../chain/client.ts";
import type { Keypair } from "../chain/keypair.ts";
import type { Store } from "../store/store.ts";
import type { CheckReport } from "./check.ts";
import type { ContestOptions } from "./contest.ts";
import type { Published, PublishProgress, PublishStep } from "./publish.ts";
import type { TrainingEvent, TrainingOptions, TrainingSource } from "./training-options.ts";

export interface RunOptions {
  readonly store: Store;
  readonly signer: Keypair;
  /** Connects anew for every step that needs the chain: none stays open while training holds the thread. */
  readonly connect: () => Promise<ChainClient>;
  readonly contest: Omit<ContestOptions, "chain" | "hotkey" | "signal" | "onModel" | "onDownload">;
  readonly training: Omit<TrainingOptions, "base" | "out" | "source" | "adapter" | "signal" | "onEvent">;
  /** The model that everything begins with. */
  readonly base: string;
  /** The folder of the turns' models. */
  readonly out: string;
  /** What is learnt; null: what the competition's own sources give, drawn afresh for every turn. */
  readonly source: TrainingSource | null;
  /** `namespace/name`, which the turn's number is added to: every publication has a repository of its own. */
  readonly repo: string;
  /** How many turns, one that was interrupted counted in. */
  readonly turns: number;
  /** As a publication takes it. */
  readonly workFolder: string;
  readonly retries?: Retries;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
}

export type RunEvent =
  | { readonly kind: "turn"; readonly turn: number; readonly base: string }
  | { readonly kind: "drawn"; readonly turn: number; readonly samples: number }
  | { readonly kind: "training"; readonly turn: number; readonly event: TrainingEvent }
  | { readonly kind: "trained"; readonly turn: number; readonly lossNatsMean: number | null }
  | { readonly kind: "measuring"; readonly turn: number; readonly model: string }
  /** Validators would not admit the model of this turn. */
  | { readonly kind: "refused"; readonly turn: number; readonly reason: string; readonly detail: string }
  /** `best`: the turn whose model is the best of this machine now; `report` null: there is nothing new to publish. */
  | { readonly kind: "checked"; readonly turn: number; readonly best: number; readonly report: CheckReport | null }
  | { readonly kind: "publishing"; readonly turn: number; readonly step: PublishStep }
  | { readonly kind: "progress"; readonly turn: number; readonly progress: PublishProgress }
  | ({ readonly kind: "published"; readonly turn: number } & Published)
  | { readonly kind: "retrying"; readonly turn: number; readonly seconds: number; readonly reason: string };

/** How often what may work later is tried, and the wait before the second try, doubled before each later one. */
export interface Retries {
  readonly attemptsMax: number;
  readonly secondsFirst: number;
}
