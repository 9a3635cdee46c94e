/** What a person sees of a running validator: a line a step, and on a terminal one line that moves. */
import { log, printable } from "../base/log.ts";
import type { Progress, Report } from "../validator/context.ts";
import { howComputed } from "./computation.ts";
import { clockText, MovingLine } from "./moving-line.ts";
import { megabytes, printJson, transferred } from "./output.ts";

export function validatorProgress({ json }: { readonly json: boolean }): Report {
  if (json) return (progress) => printJson(progress);
  const line = process.stderr.isTTY ? new MovingLine() : undefined;
  return (progress) => {
    const [text, end = ""] = [describe(progress)].flat().map(printable);
    if (line !== undefined && moves.has(progress.kind)) line.show(text!, end);
    else if (!moves.has(progress.kind)) {
      line?.clear();
      log[levelOf(progress)](text! + end);
    }
  };
}

/** What somebody should look at stands out. */
function levelOf(progress: Progress): "info" | "warn" | "error" {
  if (progress.kind === "weights") return levels[progress.outcome] ?? "info";
  return notable.has(progress.kind) ? "warn" : "info";
}

const levels: Readonly<Record<string, "warn" | "error">> = { refused: "warn", overdue: "error" };
const notable: ReadonlySet<Progress["kind"]> = new Set([
  "refused",
  "failed",
  "task-dropped",
  "abandoned",
  "interrupted",
]);

/** Steps that come many times a second; where nothing moves they are left out. */
const moves: ReadonlySet<Progress["kind"]> = new Set(["waiting", "downloading", "measuring"]);

/** A sentence; or two parts, of which the second is the one that a narrow terminal must show. */
function describe(progress: Progress): string | [string, string] {
  switch (progress.kind) {
    case "waiting":
      return `block ${progress.block}; the next round is due at ${progress.nextSyncBlock}`;
    case "round":
      return `${progress.resumed ? "going on with the" : "new"} round of ${progress.competition} at block ${progress.syncBlock}`;
    case "downloading":
      return [`uid ${progress.uid} ${progress.repo}`, `: ${transferred(progress)}`];
    case "admitted":
      return `uid ${progress.uid} ${progress.repo} contends`;
    case "opened":
      return `uid ${progress.uid} ${progress.repo}: ${howComputed(progress)}`;
    case "refused":
      return `uid ${progress.uid} is refused: ${progress.reason}. ${progress.detail}`;
    case "failed":
      return `uid ${progress.uid} could not be measured: ${progress.reason}. ${progress.detail}`;
    case "task-dropped":
      return `task ${progress.task} is left out of this round: ${progress.reason}`;
    case "drawn":
      return `${counted(progress.samples, "sample")} drawn for ${counted(progress.tasks, "task")}`;
    case "measuring":
      return [
        `uid ${progress.uid} ${progress.repo} ${progress.task}`,
        `: batch ${progress.batch} of ${progress.batches}, ${progress.tokensPerSecond.toFixed(0)} tokens/s, ${clockText(progress.secondsLeft)} left`,
      ];
    case "measured":
      return `uid ${progress.uid} ${progress.repo} ${progress.task}: loss ${progress.lossMean.toFixed(4)}`;
    case "judged":
      return `round at block ${progress.syncBlock}: ${counted(progress.contenders, "contender")}, ${progress.winner === null ? "no winner" : `uid ${progress.winner} is first`}`;
    case "abandoned":
      return `round at block ${progress.syncBlock} abandoned: ${progress.reason}`;
    case "interrupted":
      return `the round goes on at the next block: ${progress.detail}`;
    case "disk":
      return `${counted(progress.models, "model")} on disk, ${megabytes(progress.usedBytes)} MB; ${megabytes(progress.freedBytes)} MB freed`;
    case "weights":
      return `weights ${progress.outcome}: ${progress.detail}`;
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
