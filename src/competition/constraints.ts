/** What a model must be to contend: its size, its architecture, and parameters of a reasonable size. */
import { type Invalid, invalid } from "../base/invalid.ts";
import type { Constraints, NormLimits } from "./competition.ts";

/** The L2 norms of one kind of projection (such as all `q_proj`), a norm per layer, in exact arithmetic. */
export interface ProjectionNorms {
  readonly projection: string;
  readonly norms: readonly number[];
}

export type ConstraintProblem =
  | "too-few-parameters"
  | "too-many-parameters"
  | "architecture-not-allowed"
  | "norm-not-finite"
  | "norm-above-limit"
  | "norms-above-soft-limit"
  | "no-projections";

/** The first constraint that a model breaks, in the subnet's order: parameters, architecture, norms; null when none. */
export function checkConstraints(
  model: {
    /** Tied parameters count once. */
    readonly parameters: number;
    readonly architecture: string;
    readonly projections: readonly ProjectionNorms[];
  },
  constraints: Pick<Constraints, "parametersMin" | "parametersMax" | "architectures" | "norms">,
): (Invalid & { reason: ConstraintProblem }) | null {
  const { parametersMin, parametersMax, architectures, norms } = constraints;
  if (model.parameters < parametersMin)
    return invalid("too-few-parameters", `${model.parameters} parameters; at least ${parametersMin} are required.`);
  if (model.parameters > parametersMax)
    return invalid("too-many-parameters", `${model.parameters} parameters; at most ${parametersMax} are allowed.`);
  if (!architectures.includes(model.architecture))
    return invalid(
      "architecture-not-allowed",
      `The architecture is ${model.architecture}; allowed are ${architectures.join(", ")}.`,
    );
  return checkNorms(model.projections, norms);
}

/** Refuses a model for its first tensor with numbers that are not finite. @param nonFinite how many, by tensor */
export function checkFinite(nonFinite: Iterable<readonly [string, number]>): Invalid | null {
  for (const [tensor, count] of nonFinite)
    return invalid("parameters-not-finite", `Tensor ${tensor} has ${count} elements that are NaN or infinite.`);
  return null;
}

/**
 * Norms that are huge make a model that is numerically fragile and useless to others. The original rounds norms to bfloat16
 * before it compares and lets NaN pass; here they are exact and finite.
 */
export function checkNorms(
  projections: readonly ProjectionNorms[],
  limits: NormLimits,
): (Invalid & { reason: ConstraintProblem }) | null {
  let fractionSum = 0;
  for (const { projection, norms } of projections) {
    if (norms.length === 0) return invalid("no-projections", `The model has no layer with ${projection}.`);
    for (const [layer, norm] of norms.entries()) {
      const where = `The norm of ${projection} in layer ${layer}`;
      if (!Number.isFinite(norm)) return invalid("norm-not-finite", `${where} is ${norm}.`);
      if (norm > limits.hard) return invalid("norm-above-limit", `${where} is ${norm}, above ${limits.hard}.`);
    }
    fractionSum += norms.filter((norm) => norm > limits.soft).length / norms.length;
  }
  if (projections.length === 0) return invalid("no-projections", "The model has no projections to measure.");
  const fraction = fractionSum / projections.length;
  if (fraction <= limits.softFractionMax) return null;
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  return invalid(
    "norms-above-soft-limit",
    `${percent(fraction)} of the norms are above ${limits.soft}; at most ${percent(limits.softFractionMax)} may be.`,
  );
}
