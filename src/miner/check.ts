/**
 * Is a model worth publishing? Compares it with its rivals on a fresh draw as a round would: the earlier model's loss
 * counts (1 − ε) times, so a later one must be better by more than ε. And with what the hotkey has committed already,
 * which a publication would replace.
 */
import type { Competition } from "../competition/competition.ts";
import { epsilonAt } from "../competition/epsilon.ts";
import { type Prospects, prospectsOf } from "../competition/prospects.ts";
import type { Block } from "../subnet.ts";
import { drawnTasks, type LocalModel, type Measured, type MeasureOptions, type Problem } from "./measurement.ts";

/** A model that is committed already. */
export interface Committed extends LocalModel {
  readonly block: Block;
}

export interface CheckOptions extends Pick<MeasureOptions, "texts"> {
  readonly model: LocalModel;
  readonly competition: Competition;
  /** Now: the model would be committed here, and from here on ε decays. */
  readonly block: Block;
  readonly rivals: readonly Committed[];
  /** What the same hotkey has committed to this competition; null: nothing, or nobody knows. */
  readonly replaced: Committed | null;
  /** Of `measureOnce`. */
  readonly measure: (model: LocalModel) => Promise<Measured | Problem>;
  readonly seed: bigint;
}

export interface RivalReport extends Prospects {
  readonly name: string;
  readonly block: Block;
  readonly score: number;
  /** ε of the rival at this block. */
  readonly epsilon: number;
  /** The score that must be undercut now. */
  readonly threshold: number;
}

export type ReplacedReport = { readonly name: string; readonly block: Block } & (
  | {
      readonly kind: "measured";
      readonly score: number;
      /** That the new model is the better one, without any ε between models of one hotkey. */
      readonly probability: number;
    }
  | Problem
);

export interface CheckReport {
  readonly verdict: "publish" | "not-yet";
  readonly block: Block;
  /** Its score on the draw; or why validators would refuse it, or it could not be measured here. */
  readonly model: { readonly kind: "measured"; readonly score: number } | Problem;
  readonly rivals: readonly RivalReport[];
  /** Null: nothing would be. */
  readonly replaced: ReplacedReport | null;
  /** Rivals whom validators could not measure either: they are no obstacle, as in a round. */
  readonly failedRivals: readonly (Problem & { readonly name: string })[];
  /** Against all rivals: the lowest of the probabilities, the largest improvement, the latest block. Null: no rival. */
  readonly overall: Pick<Prospects, "probability" | "improvementNeeded" | "winsFromBlock"> | null;
}

/** The part of resamples in which a model must win before it is called worth publishing. */
export const probabilityMin = 0.95;

export async function checkModel(options: CheckOptions): Promise<CheckReport> {
  const { model, rivals, replaced, block, measure } = options;
  const own = await measure(model);
  if (own.kind !== "measured") return reportWithout(own, block);
  const reports: RivalReport[] = [];
  const failedRivals: (Problem & { name: string })[] = [];
  for (const rival of rivals) {
    const theirs = await measure(rival);
    if (theirs.kind !== "measured") failedRivals.push({ name: rival.name, ...theirs });
    else reports.push(compareWithRival(options, own, { rival, theirs }));
  }
  const replacedReport = replaced === null ? null : await compareWithReplaced(options, own, replaced);
  const isWorthIt =
    reports.every(({ wins, probability }) => wins && probability >= probabilityMin) &&
    // Whom only this machine could not measure may well be better.
    failedRivals.every(({ kind }) => kind !== "failed") &&
    (replacedReport === null || isWorthReplacing(replacedReport));
  return {
    verdict: isWorthIt ? "publish" : "not-yet",
    block,
    model: { kind: "measured", score: own.score },
    rivals: reports,
    replaced: replacedReport,
    failedRivals,
    overall: overallOf(reports),
  };
}

/** The report of a model that has no score. */
export function reportWithout(model: Problem, block: Block): CheckReport {
  return { verdict: "not-yet", block, model, rivals: [], replaced: null, failedRivals: [], overall: null };
}

/** The probability that one measured model is better than another, by the competition's rule and without ε. */
export function probabilityBetter(
  options: Pick<CheckOptions, "competition" | "texts" | "block" | "seed">,
  ours: Measured,
  theirs: Measured,
): number {
  const { competition, block, seed } = options;
  // Of the same block, neither has an advantage.
  const [own, rival] = [ours, theirs].map(({ perTask }) => ({ modelBlock: block, perTask }));
  return prospectsOf({ competition, tasks: drawnTasks(options), block, own: own!, rival: rival!, seed }).probability;
}

function compareWithRival(
  options: CheckOptions,
  own: Measured,
  { rival, theirs }: { readonly rival: Committed; readonly theirs: Measured },
): RivalReport {
  const { competition, block, seed } = options;
  const epsilon = epsilonAt(competition.epsilon, block, rival.block);
  const prospects = prospectsOf({
    competition,
    tasks: drawnTasks(options),
    block,
    seed,
    own: { modelBlock: Math.max(block, rival.block + 1), perTask: own.perTask },
    rival: { modelBlock: rival.block, perTask: theirs.perTask },
  });
  const { name, block: committedAt } = rival;
  return {
    name,
    block: committedAt,
    score: theirs.score,
    epsilon,
    threshold: theirs.score * (1 - epsilon),
    ...prospects,
  };
}

async function compareWithReplaced(options: CheckOptions, own: Measured, replaced: Committed): Promise<ReplacedReport> {
  const { name, block } = replaced;
  const before = await options.measure(replaced);
  if (before.kind !== "measured") return { name, block, ...before };
  return { kind: "measured", name, block, score: before.score, probability: probabilityBetter(options, own, before) };
}

/** What validators cannot measure is worth nothing; what only this machine could not may well be better. */
function isWorthReplacing(replaced: ReplacedReport): boolean {
  return replaced.kind === "measured" ? replaced.probability >= probabilityMin : replaced.kind === "invalid";
}

function overallOf(reports: readonly RivalReport[]): CheckReport["overall"] {
  if (reports.length === 0) return null;
  const blocks = reports.map(({ winsFromBlock }) => winsFromBlock);
  return {
    probability: Math.min(...reports.map(({ probability }) => probability)),
    improvementNeeded: Math.max(...reports.map((report) => report.improvementNeeded)),
    winsFromBlock: blocks.includes(null) ? null : Math.max(...blocks.map((block) => block!)),
  };
}
