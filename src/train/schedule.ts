/** How the learning rate moves over a run: a linear warm-up, then one of three shapes. */

export type ScheduleKind = "cosine" | "linear" | "constant";
export const scheduleKinds = ["cosine", "linear", "constant"] as const satisfies readonly ScheduleKind[];

export interface Schedule {
  readonly kind: ScheduleKind;
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** The rate of a step, counted from 1. The warm-up reaches the peak at its last step; cosine and linear end at zero. */
export function learningRate(schedule: Schedule, step: number): number {
  const { kind, peak, warmupSteps, totalSteps } = schedule;
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return peak * shapes[kind](progress);
}

/** From 1 at progress 0 to the end of the run at progress 1. */
const shapes: Readonly<Record<ScheduleKind, (progress: number) => number>> = {
  constant: () => 1,
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
};
