/** What a person sees of `mine run`: a line a step, and one line that moves while it trains; or JSON. */
import { log, printable } from "../base/log.ts";
import type { RunEvent } from "../miner/run-options.ts";
import { type TrainingProgress, trainingProgress } from "./mine-progress.ts";
import { describeReport } from "./mine-report.ts";
import { printJson } from "./output.ts";
import { publishProgress } from "./publish-progress.ts";

export interface RunProgress {
  readonly show: (event: RunEvent) => void;
  readonly end: () => void;
}

export function runProgress({ json }: { readonly json: boolean }): RunProgress {
  if (json) return { show: printJson, end: () => {} };
  const publishing = publishProgress({ json });
  let training: TrainingProgress | undefined;
  const end = () => {
    training?.end();
    training = undefined;
  };
  const show = (event: RunEvent) => {
    if (event.kind === "training") {
      training ??= trainingProgress({ json });
      training.show(event.event);
      return;
    }
    end();
    if (event.kind === "publishing") publishing.onStep(event.step);
    else if (event.kind === "progress") publishing.onProgress(event.progress);
    else log.info(printable(sentence(event)));
  };
  return { show, end };
}

function sentence(event: Exclude<RunEvent, { kind: "training" | "publishing" | "progress" }>): string {
  switch (event.kind) {
    case "turn":
      return `turn ${event.turn}, from ${event.base}`;
    case "drawn":
      return `${event.samples} samples are drawn`;
    case "trained":
      return event.lossNatsMean === null
        ? `turn ${event.turn} is trained`
        : `turn ${event.turn} is trained: loss ${event.lossNatsMean.toFixed(4)} on examples that were held out`;
    case "measuring":
      return `measuring ${event.model}`;
    case "refused":
      return `validators would refuse the model of turn ${event.turn}: ${event.reason}. ${event.detail}`;
    case "checked": {
      const best = event.best === 0 ? "what it began with" : `the model of turn ${event.best}`;
      return `the best so far is ${best}${event.report === null ? "; nothing new to publish" : `\n${describeReport(event.report)}`}`;
    }
    case "published":
      return `${event.repo}@${event.revision} is committed at block ${event.block} and public`;
    case "retrying":
      return `${event.reason} Trying again in ${event.seconds} s.`;
  }
}
