/** What a person sees of a training: on a terminal one line that moves, elsewhere a line now and then; or JSON. */
import { log } from "../base/log.ts";
import type { TrainingEvent, TrainingStep } from "../miner/training-options.ts";
import { clockText, MovingLine } from "./moving-line.ts";
import { printJson } from "./output.ts";

export interface TrainingProgress {
  readonly show: (event: TrainingEvent) => void;
  /** Leaves the moving line behind; may be called twice. */
  readonly end: () => void;
}

/** Without a terminal, one line in this many steps. */
const quietSteps = 50;

export function trainingProgress({ json }: { readonly json: boolean }): TrainingProgress {
  if (json) return { show: printJson, end: () => {} };
  const losses: number[] = [];
  const moving = process.stderr.isTTY ? new MovingLine() : undefined;
  const started = performance.now();
  let stepsDone = 0;
  const end = () => moving?.leave();
  const show = (event: TrainingEvent) => {
    if (event.kind !== "step") {
      end();
      log.info(sentences(event));
      return;
    }
    losses.push(event.lossNatsMean);
    stepsDone += 1;
    const secondsLeft = ((performance.now() - started) / 1000 / stepsDone) * (event.steps - event.step);
    const [curve, figures] = describe(event, losses, secondsLeft);
    if (moving !== undefined) moving.show(curve, figures);
    else if (event.step % quietSteps === 0 || event.step === event.steps) log.info(curve + figures);
  };
  return { show, end };
}

function sentences(event: Exclude<TrainingEvent, { kind: "step" }>): string {
  switch (event.kind) {
    case "notice":
      return event.text;
    case "evaluated":
      return `after step ${event.step}: loss ${event.lossNatsMean.toFixed(4)} on held-out examples`;
    case "checkpoint":
      return `step ${event.step} is saved`;
  }
}

/** The curve, and the figures behind it that a narrow terminal must show too. */
function describe(step: TrainingStep, losses: readonly number[], secondsLeft: number): [string, string] {
  const speed = `${step.tokensPerSecond.toFixed(0)} tokens/s`;
  const rows = `${step.rows} ${step.rows === 1 ? "row" : "rows"}, ${(100 * step.paddingPart).toFixed(0)}% padding`;
  return [
    `step ${step.step} of ${step.steps}  ${sparkline(losses, 24)}`,
    `  loss ${step.lossNatsMean.toFixed(4)}, ${speed}, ${clockText(secondsLeft)} left, ${rows}`,
  ];
}

const bars = "▁▂▃▄▅▆▇█";

/** The curve in `width` characters, each the mean of its part; the highest bar is the largest mean. */
export function sparkline(values: readonly number[], width: number): string {
  const count = Math.min(width, values.length);
  const means = Array.from({ length: count }, (_, index) => {
    const part = values.slice(
      Math.floor((index * values.length) / count),
      Math.floor(((index + 1) * values.length) / count),
    );
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const scale = high > low ? (bars.length - 1) / (high - low) : 0;
  return means.map((mean) => bars[Math.round((mean - low) * scale)] ?? " ").join("");
}
