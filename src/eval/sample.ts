/**
 * What a model is asked, in token ids of its own vocabulary. Tasks make samples and read the answers; the engine knows
 * only these two kinds.
 */

/** A sequence of which the tokens from `scoredFrom` on are scored: NLL of ids[t] given ids[0…t−1], t ≥ max(scoredFrom, 1). */
export interface LossSample {
  readonly kind: "loss";
  readonly ids: readonly number[];
  readonly scoredFrom: number;
}

/** A prompt that is continued greedily: ties go to the lower id; it ends at an end-of-sequence id or after `newTokensMax`. */
export interface GenerationSample {
  readonly kind: "generation";
  readonly prompt: readonly number[];
  readonly newTokensMax: number;
  /** 1 is none. Over prompt and continuation, once per distinct token: a positive logit is divided, a negative multiplied. */
  readonly repetitionPenalty: number;
  /** The ids that end a continuation (the last one is not part of it); empty: it runs to `newTokensMax`. */
  readonly endIds: readonly number[];
}

export type Sample = LossSample | GenerationSample;
