/** A model's headers against a competition's constraints, each with its limit and what the model has. */
import type { Competition } from "../competition/competition.ts";
import { checkNorms, type ProjectionNorms } from "../competition/constraints.ts";

export interface Constraint {
  readonly name: "parameters" | "architecture" | "repository-bytes" | "norms" | "finite";
  readonly limit: string;
  readonly value: string;
  /** null: cannot be known from the headers. */
  readonly met: boolean | null;
}

export interface MeasuredNorms {
  readonly projections: readonly ProjectionNorms[];
  /** Elements that are NaN or infinite, by tensor. */
  readonly nonFinite: Readonly<Record<string, number>>;
}

interface Inspected {
  readonly architecture: string;
  readonly parameters: number;
  readonly repositoryBytes: number;
}

/** Every constraint, and a reason for each that is broken. Without a competition only NaN and infinity are refused. */
export function checkInspection(
  model: Inspected,
  given: { readonly competition: Competition | undefined; readonly norms: MeasuredNorms | undefined },
): { readonly constraints: readonly Constraint[]; readonly reasons: readonly string[] } {
  const constraints = [
    ...finite(given.norms),
    ...(given.competition ? limits(model, given.competition, given.norms) : []),
  ];
  const broken = constraints.filter(({ met }) => met === false);
  return { constraints, reasons: broken.map(({ name, limit, value }) => `${name}: ${value} (allowed: ${limit})`) };
}

function finite(norms: MeasuredNorms | undefined): Constraint[] {
  if (norms === undefined) return [];
  const found = Object.entries(norms.nonFinite).map(([name, count]) => `${name} (${count})`);
  const shown = found.length > 5 ? [...found.slice(0, 5), `and ${found.length - 5} more`] : found;
  return [
    {
      name: "finite",
      limit: "no NaN, no infinity",
      value: found.length === 0 ? "all finite" : `not finite: ${shown.join(", ")}`,
      met: found.length === 0,
    },
  ];
}

function limits(model: Inspected, { constraints }: Competition, norms: MeasuredNorms | undefined): Constraint[] {
  const { parametersMin, parametersMax, architectures, repositoryBytesMax } = constraints;
  const { soft, softFractionMax, hard } = constraints.norms;
  const problem = norms === undefined ? undefined : checkNorms(norms.projections, constraints.norms);
  return [
    {
      name: "parameters",
      limit: `${parametersMin} to ${parametersMax}`,
      value: String(model.parameters),
      met: model.parameters >= parametersMin && model.parameters <= parametersMax,
    },
    {
      name: "architecture",
      limit: architectures.join(", "),
      value: model.architecture,
      met: architectures.includes(model.architecture),
    },
    {
      name: "repository-bytes",
      limit: `at most ${repositoryBytesMax}`,
      value: String(model.repositoryBytes),
      met: model.repositoryBytes <= repositoryBytesMax,
    },
    {
      name: "norms",
      limit: `none above ${hard}, at most ${100 * softFractionMax} % above ${soft}`,
      value: problem === undefined ? "needs the parameters" : (problem?.detail ?? "within the limits"),
      met: problem === undefined ? null : problem === null,
    },
  ];
}
