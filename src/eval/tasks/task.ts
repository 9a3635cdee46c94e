/**
 * What an evaluation method is: how a source's text becomes what a model is asked, and how its answers become losses.
 * Each method is a file with the same members, so that a new one is a file and a row of `methods.ts`.
 */
import type { GenerationResult, LossResult, TextItem } from "../protocol.ts";
import type { Sample } from "../sample.ts";

/** A text as a source gives it, before any tokenizer. */
export type TaskText =
  | { readonly kind: "document"; readonly text: string }
  /** The reference is what should follow the context. */
  | { readonly kind: "reference"; readonly context: string; readonly reference: string }
  | { readonly kind: "conversation"; readonly prompt: string; readonly response: string };

export type TextKind = TaskText["kind"];

/** A question as it is stored: samples of one batch have one loss together. */
export interface Question {
  readonly batch: number;
  readonly sample: Sample;
  /** JSON: what the answer is compared with; absent for losses. */
  readonly reference?: unknown;
}

export type Answer =
  | LossResult
  | GenerationResult
  | { readonly kind: "failed"; readonly reason: string; readonly detail: string };

export interface TaskMethod {
  /** What must be tokenised for these texts, in a fixed order. */
  readonly items: (texts: readonly TaskText[]) => TextItem[];
  /** The questions, from the ids of the items in the same order. */
  readonly questions: (
    texts: readonly TaskText[],
    ids: readonly (readonly number[])[],
    limits: SequenceLimits,
  ) => Question[];
  /** The loss of one batch; Infinity where an answer failed or nothing was scored. */
  readonly loss: (questions: readonly Question[], answers: readonly Answer[]) => number;
}

export interface SequenceLimits {
  readonly sequenceLengthMax: number;
}
