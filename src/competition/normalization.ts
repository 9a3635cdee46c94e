/** Brings the scores of unlike tasks onto one scale before they are added. */
import { unreachable } from "../base/assert.ts";
import type { Normalization } from "./competition.ts";

/** Normalises a raw score (lower is better, at least 0). Infinity stays infinite without a ceiling. */
export function normalizeScore(score: number, normalization: Normalization): number {
  switch (normalization.kind) {
    case "none":
      return score;
    case "inverse-exponential":
      if (score >= normalization.ceiling) return 1;
      return (1 - Math.exp(-score / normalization.ceiling)) / (1 - Math.exp(-1));
    default:
      return unreachable(normalization);
  }
}
