/** What a training is told, and what it tells. */
import type { Random } from "../base/random.ts";
import type { TensorDtype } from "../model/safetensors.ts";
import type { Adapter } from "../train/adapter.ts";
import type { Method } from "../train/objective.ts";
import type { Schedule } from "../train/schedule.ts";
import type { Exercise } from "./training-data.ts";

export type TrainingSource =
  | { readonly kind: "files"; readonly path: string }
  /** Fresh exercises of a generator; `name` says which, with its parameters. */
  | {
      readonly kind: "generated";
      readonly name: string;
      readonly draw: (random: Random, count: number) => readonly Exercise[];
    };

export interface TrainingOptions {
  readonly base: string;
  readonly out: string;
  readonly source: TrainingSource;
  readonly method: Method;
  /** Adapters to go on from, of the method's rank and for its targets; null: new ones, or all parameters. */
  readonly adapter: Adapter | null;
  readonly schedule: Omit<Schedule, "totalSteps">;
  /** How long: steps, or passes over the data. */
  readonly length: { readonly steps: number } | { readonly passes: number };
  /** Examples a run, and runs a step. */
  readonly batchExamples: number;
  readonly accumulatedRuns: number;
  /** Examples of a run share rows, of which none sees another; else each has a row of its own. */
  readonly packing: boolean;
  /** Null: what the model was made for, at most 1024. */
  readonly sequenceTokensMax: number | null;
  readonly weightDecay: number;
  readonly gradientNormMax: number;
  readonly seed: bigint;
  /** 0: never but at the end. */
  readonly evaluateEverySteps: number;
  readonly checkpointEverySteps: number;
  /** Of the parameters that are written, and measured; null: as they are stored in the base. */
  readonly dtype: TensorDtype | null;
  /** Each layer twice, so that the activations of one layer are in memory and not those of all; `auto`: when needed. */
  readonly recompute: boolean | "auto";
  /** Begins anew although there is a checkpoint. */
  readonly restart: boolean;
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainingEvent) => void;
}

export type TrainingEvent =
  | { readonly kind: "notice"; readonly text: string }
  | ({ readonly kind: "step" } & TrainingStep)
  | { readonly kind: "evaluated"; readonly step: number; readonly lossNatsMean: number }
  | { readonly kind: "checkpoint"; readonly step: number };

export interface TrainingStep {
  readonly step: number;
  readonly steps: number;
  readonly lossNatsMean: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly tokensPerSecond: number;
  /** How many rows the examples were in, and which part of the rows' tokens was padding. */
  readonly rows: number;
  readonly paddingPart: number;
}

export interface TrainingResult {
  readonly out: string;
  readonly steps: number;
  /**
   * Mean over examples that were not trained on of the mean NLL of their references: the validators' measure. Null when
   * the data was a single example, of which none could be held out.
   */
  readonly lossNatsMean: number | null;
}
