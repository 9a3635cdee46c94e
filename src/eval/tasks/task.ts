/**
 * What an evaluation method is: how a source's text becomes what a model is asked, and how its answers become losses.
 * Each method is a file with the same members, so that a new one is a file and a row of `methods.ts`.
 */
import { assert } from "../../base/assert.ts";
import type { GenerationResult, LossResult, Message, TextItem } from "../protocol.ts";
import type { Sample } from "../sample.ts";
import type { AnswerRule } from "./instruction-rules.ts";

/** A text as a source gives it, before any tokenizer. */
export type TaskText =
  | { readonly kind: "document"; readonly text: string }
  /** The reference is what should follow the context. */
  | { readonly kind: "reference"; readonly context: string; readonly reference: string }
  /** The same in the model's chat template. */
  | { readonly kind: "reply"; readonly messages: readonly Message[]; readonly reference: string }
  | { readonly kind: "conversation"; readonly prompt: string; readonly response: string }
  /** A question with its choices; `answer` is the right letter. */
  | { readonly kind: "choice"; readonly challenge: string; readonly answer: string }
  /** Two questions whose answers must follow the same rules. */
  | {
      readonly kind: "instructions";
      readonly prompts: readonly [string, string];
      readonly rules: readonly AnswerRule[];
    };

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
  /** A continuation as text, for methods that ask for it. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "failed"; readonly reason: string; readonly detail: string };

export interface TaskMethod {
  /** What must be tokenised for these texts, in a fixed order. */
  readonly items: (texts: readonly TaskText[]) => TextItem[];
  /** The questions, from the ids of the items in the same order. */
  readonly questions: (
    texts: readonly TaskText[],
    ids: readonly (readonly number[])[],
    limits: QuestionLimits,
  ) => Question[];
  /** Continuations are decoded, special tokens left out, before `loss` sees them. */
  readonly readsText?: true;
  /** The loss of one batch; Infinity where an answer failed or nothing was scored. */
  readonly loss: (questions: readonly Question[], answers: readonly Answer[]) => number;
}

export interface QuestionLimits {
  readonly sequenceLengthMax: number;
  /** Of the task's method, for those that let a model continue a prompt. */
  readonly newTokensMax?: number;
  readonly repetitionPenalty?: number;
  readonly promptTokens?: number;
  /** The ids that end an answer, by the model's tokenizer. */
  readonly endIds?: readonly number[];
}

/** The parameters of a generation; a competition file has them wherever a method needs them. */
export function generationLimits({ newTokensMax, repetitionPenalty = 1, endIds = [] }: QuestionLimits): {
  readonly newTokensMax: number;
  readonly repetitionPenalty: number;
  readonly endIds: readonly number[];
} {
  assert(newTokensMax !== undefined, "a method that generates has newTokensMax");
  return { newTokensMax, repetitionPenalty, endIds };
}
