/** What a person is told of a model that was checked: its score, whom it must beat and by how much, and the verdict. */
import type { CheckReport, ReplacedReport, RivalReport } from "../miner/check.ts";
import { percent } from "./output.ts";

/** A report as sentences, the verdict last. */
export function describeReport({ verdict, block, model, rivals, replaced, failedRivals }: CheckReport): string {
  const lines = [describeModel(model), ...rivals.map((rival) => describeRival(rival, block))];
  if (replaced !== null) lines.push(describeReplaced(replaced));
  for (const { name, kind, reason, detail } of failedRivals)
    lines.push(`${name} ${kind === "failed" ? "could not be measured here" : "is no rival"}: ${reason}. ${detail}`);
  if (model.kind === "measured" && rivals.length === 0) lines.push("No rival was measured.");
  return [...lines, verdict === "publish" ? "publish" : "not yet"].join("\n");
}

function describeModel(model: CheckReport["model"]): string {
  if (model.kind === "measured") return `Score ${model.score.toFixed(5)} on a fresh draw; lower is better.`;
  const what = model.kind === "invalid" ? "Validators refuse it" : "It could not be measured here";
  return `${what}: ${model.reason}. ${model.detail}`;
}

function describeReplaced(replaced: ReplacedReport): string {
  const found =
    replaced.kind === "measured"
      ? `score ${replaced.score.toFixed(5)}, probability that the new one is better ${percent(replaced.probability)}.`
      : replaced.kind === "invalid"
        ? `validators cannot measure it any more (${replaced.reason}).`
        : `whether the new one is better is not known, since it could not be measured here (${replaced.reason}).`;
  return `${replaced.name}, which this hotkey has committed at block ${replaced.block}, would be replaced: ${found}`;
}

function describeRival(rival: RivalReport, block: number): string {
  const { name, block: since, score, epsilon, threshold, probability, wins, improvementNeeded, winsFromBlock } = rival;
  const wait = winsFromBlock === null ? "waiting does not help" : `as it is it wins from block ${winsFromBlock} on`;
  const standing = wins ? "it is below that" : `its losses must fall by ${percent(improvementNeeded)}, ${wait}`;
  return `${name} (block ${since}): score ${score.toFixed(5)}, ε ${epsilon.toFixed(5)} at block ${block}, so ${threshold.toFixed(5)} must be undercut: ${standing}; probability of winning ${percent(probability)}.`;
}
