/**
 * What a competition is: every number and choice that decides who is paid. A competition is data (a JSON file that
 * `competition-file.ts` checks), so that a launch rule and its successor are two files and never two branches of code.
 */
import type { Block } from "../subnet.ts";

/** A competition file: when validators meet, and which competitions run from which block on. */
export interface CompetitionFile {
  readonly name: string;
  readonly description: string;
  /** 1000·major + 10·minor + patch of the mechanism's version, set with the chain weights. */
  readonly versionKey: number;
  readonly sync: SyncCadence;
  readonly queue: QueueLimits;
  /** Ordered by `fromBlock`; the last period that has begun is the one in force. */
  readonly schedule: readonly Period[];
}

/** Rounds begin at blocks `genesisBlock + n · cadenceBlocks`. */
export interface SyncCadence {
  readonly genesisBlock: Block;
  readonly cadenceBlocks: number;
  /**
   * Draws each round's samples from this text and the round's number instead of the sync block's hash, so that a run can
   * be repeated. For demonstrations only: whoever knows it knows every question beforehand.
   */
  readonly repeatableSeed?: string | undefined;
}

export interface QueueLimits {
  /** How many of the best models contend again in the next round. */
  readonly keptModels: number;
  /** How many newly updated models may wait at once; forced top miners come on top. */
  readonly updatedModelsMax: number;
  /** A uid's commitment is looked at no more often than this. */
  readonly checkIntervalSeconds: number;
  /** Another validator's top miner is not forced into the queue within this time of its last evaluation. */
  readonly forcedRetryBlocks: number;
  /** Whose weights are looked at for top miners, and which of their weights count. */
  readonly topMinerStakeTaoMin: number;
  readonly topMinerShareMin: number;
}

/** From `fromBlock` up to, not including, `untilBlock` or the next period. */
export interface Period {
  readonly fromBlock: Block;
  readonly untilBlock?: Block | undefined;
  readonly competitions: readonly Competition[];
}

export interface Competition {
  /** What a commitment names the competition by; 0 is reserved for failures before a competition is known. */
  readonly id: number;
  readonly name: string;
  /** The part of the subnet's emission that this competition distributes, 0…1. */
  readonly emissionShare: number;
  /** A model is evaluated once its commitment is this old, so that a copier cannot commit before the evaluation is public. */
  readonly evaluationDelayBlocks: number;
  readonly constraints: Constraints;
  readonly epsilon: Epsilon;
  readonly winRate: WinRate;
  readonly roundWeights: RoundWeights;
  readonly movingAverage: MovingAverage;
  readonly rules: Rules;
  readonly tasks: readonly Task[];
}

export interface Constraints {
  readonly parametersMin: number;
  readonly parametersMax: number;
  /** The sum of all files of the repository at its revision. */
  readonly repositoryBytesMax: number;
  readonly sequenceLengthMax: number;
  /** Class names as in config.json; exact. */
  readonly architectures: readonly string[];
  /** A tokenizer's hub name that every model is measured with; null: each model's own. */
  readonly tokenizer: string | null;
  /** The tokenizer's commit; absent: what its main branch is at the first look of each round, which two validators may see differ. */
  readonly tokenizerRevision?: string | undefined;
  readonly dtype: "float32" | "float16" | "bfloat16";
  readonly norms: NormLimits;
}

/** Limits of the L2 norms of the projections' parameters. */
export interface NormLimits {
  /** Above this a norm is suspicious; at most `softFractionMax` of the layers may be, on average over the projections. */
  readonly soft: number;
  readonly softFractionMax: number;
  /** No norm may be above this. */
  readonly hard: number;
}

/** The advantage of the earlier model: its loss counts as `loss · (1 − ε)`. */
export type Epsilon =
  | { readonly kind: "fixed"; readonly value: number }
  /** From `start` at the model's block to `end` when it is `decayBlocks` old. */
  | { readonly kind: "linear"; readonly start: number; readonly end: number; readonly decayBlocks: number };

/** Whether two models meet once per batch or once per round, by their scores. */
export type WinRate = "per-batch" | "per-score";

export type RoundWeights =
  | { readonly kind: "winner" }
  /** softmax(win rate / temperature) */
  | { readonly kind: "softmax"; readonly temperature: number };

export interface MovingAverage {
  /** What is kept of the past at each round, 0…1. */
  readonly alpha: number;
  /** Averages under this part of the competition's total are not paid; 0: all are. */
  readonly threshold: number;
}

/** Rules where this program repairs what the public subnet did; each names both, and `publishedRules` reproduces it. */
export interface Rules {
  /** Equal best win rates: the earlier model (then the lower uid) takes all, or they share. For `winner` weights. */
  readonly ties: "earliest" | "shared";
  /** A model without a finite score earns nothing, or is weighted like any other (so that all-failed pays everybody). */
  readonly failedModels: "unpaid" | "weighted";
  /** Models with the same parameters: the earliest contends alone, or each does. */
  readonly duplicates: "earliest" | "each";
  /** A failed task costs the worst value that the task knows, or an infinite loss before normalisation. */
  readonly failedTask: "worst" | "infinite";
  /** The average of a uid whose hotkey was replaced is cleared, or inherited by the new hotkey. */
  readonly replacedHotkey: "cleared" | "inherited";
}

export const repairedRules: Rules = {
  ties: "earliest",
  failedModels: "unpaid",
  duplicates: "earliest",
  failedTask: "worst",
  replacedHotkey: "cleared",
};

/** What the public subnet's validator does. */
export const publishedRules: Rules = {
  ties: "shared",
  failedModels: "weighted",
  duplicates: "each",
  failedTask: "infinite",
  replacedHotkey: "inherited",
};

export interface Task {
  readonly name: string;
  /** The task's part in the score; a competition's sum to 1. */
  readonly weight: number;
  /** How many samples a round draws. */
  readonly samples: number;
  readonly source: Source;
  readonly method: Method;
  readonly normalization: Normalization;
}

export type Normalization =
  | { readonly kind: "none" }
  /** 1 from `ceiling` on, else (1 − e^(−s/ceiling)) / (1 − e^(−1)). */
  | { readonly kind: "inverse-exponential"; readonly ceiling: number };

/** How a model is measured on a sample. Losses are NLL in nats; the others are error rates of 0…1. */
export type Method =
  /** Mean NLL of a text; models whose continuations are degenerate fail. */
  | { readonly kind: "text-loss"; readonly promptTokens: number; readonly newTokensMax: number }
  /** Mean NLL of a reference after a context. */
  | { readonly kind: "reference-loss" }
  /** Mean NLL of an answer after a prompt in the model's chat template. */
  | { readonly kind: "response-loss" }
  | { readonly kind: "multiple-choice"; readonly newTokensMax: number; readonly repetitionPenalty: number }
  | { readonly kind: "instruction-following"; readonly newTokensMax: number; readonly repetitionPenalty: number };

export type MethodKind = Method["kind"];

/** Where samples come from. Paths and names are the source's own; tokenization is the method's business. */
export type Source =
  | { readonly kind: "fineweb"; readonly dataset: string; readonly pages: number; readonly rowsPerPage: number }
  | {
      readonly kind: "synthetic-mmlu";
      readonly dataset: string;
      readonly configs: number;
      readonly samplesMin: number;
      readonly netuid: number;
      readonly stakeTaoMin: number;
    }
  | { readonly kind: "synthetic-1-sft"; readonly dataset: string; readonly rowsPerPage: number; readonly pages: number }
  | { readonly kind: "codeforces-cots"; readonly dataset: string; readonly rowsPerPage: number; readonly pages: number }
  | {
      readonly kind: "cortex-stream";
      readonly project: string;
      readonly runType: string;
      readonly netuid: number;
      readonly uidsMax: number;
      readonly stepsPerRun: number;
      readonly ageSecondsMax: number;
      readonly stakeTaoMin: number;
    }
  | {
      readonly kind: "word-sorting";
      readonly wordsMin: number;
      readonly wordsMax: number;
      readonly lettersMin: number;
      /** SHA-256 of NLTK's word list `en-basic` (or of another in its place); absent: the words of BIP-39. */
      readonly words?: string | undefined;
    }
  | { readonly kind: "dyck"; readonly pairsMin: number; readonly pairsMax: number }
  | {
      readonly kind: "instructions";
      readonly version: 1 | 2;
      readonly dataset: string;
      readonly configs: number;
      /** SHA-256 of the tagger's weights, single tags and classes, one after the other. Version 2 draws keywords by it. */
      readonly tagger?: string | undefined;
    }
  /** Sums, differences and products of numbers of up to `digitsMax` digits. */
  | { readonly kind: "arithmetic"; readonly digitsMax: number }
  /** Lines `{"<contextField>": "…", "<referenceField>": "…"}`; without a context field the reference is a text. */
  | {
      readonly kind: "jsonl" | "parquet";
      readonly path: string;
      readonly contextField: string | null;
      readonly referenceField: string;
    }
  | { readonly kind: "text-folder"; readonly path: string };
