/** What would have won: found by asking the rules again with lower losses. */
import type { RoundModel, RoundVerdict, Standing } from "../competition/round.ts";
import type { TaskResult } from "../competition/score.ts";
import type { StoredRoundInput } from "../store/round-input.ts";

/** By how much all losses of the model would have had to be lower to make it first in the round. */
export interface Needed {
  /** 0.02: each loss 2 % lower. */
  readonly reduction: number;
  readonly score: number;
}

/** How precisely the needed reduction is found, as a part of the loss. */
const reductionStep = 1e-6;

/**
 * Finds by bisection on the rules themselves the least common reduction of all its losses that makes the model first.
 * Null when it is first, or when even losses of zero would not help (a failure, a duplicate).
 */
export function neededToWin(
  input: StoredRoundInput,
  model: RoundModel,
  judge: (models: readonly RoundModel[]) => RoundVerdict,
): Needed | null {
  const attempt = (reduction: number) => {
    const changed = { ...model, perTask: reduced(model.perTask, reduction) };
    const verdict = judge(input.models.map((each) => (each.uid === model.uid ? changed : each)));
    return verdict.standings.find(({ uid }) => uid === model.uid)!;
  };
  const isFirst = ({ rank, weight }: Standing) => rank === 1 && weight > 0;
  if (isFirst(attempt(0)) || !isFirst(attempt(1))) return null;
  let [low, high] = [0, 1];
  while (high - low > reductionStep) {
    const middle = (low + high) / 2;
    if (isFirst(attempt(middle))) high = middle;
    else low = middle;
  }
  return { reduction: high, score: attempt(high).score };
}

function reduced(perTask: RoundModel["perTask"], reduction: number): RoundModel["perTask"] {
  const scale = (result: TaskResult): TaskResult =>
    result.kind === "failure"
      ? result
      : { kind: "losses", losses: Array.from(result.losses, (loss) => loss * (1 - reduction)) };
  return Object.fromEntries(Object.entries(perTask).map(([task, result]) => [task, scale(result)]));
}
