/**
 * What a new model may expect against one that is committed already: whether it wins, how surely, how much better it must
 * become, and from which block on the earlier one's advantage has decayed enough. Every answer plays the round's own
 * matches, so that what a miner is told is what validators will find.
 */
import { Random } from "../base/random.ts";
import type { Block } from "../subnet.ts";
import type { Competition, Task } from "./competition.ts";
import { playMatches, type RoundModel } from "./round.ts";
import { scoreModel, type TaskResult } from "./score.ts";

/** A model's losses by task name, and the block of its commitment. */
export type Contestant = Pick<RoundModel, "modelBlock" | "perTask">;

export interface Prospects {
  readonly wins: boolean;
  /**
   * The part of bootstrap resamples (Efron, 1979) in which it wins: each draws as many samples as there are from those
   * that were measured, with repetition, the same ones for both models.
   */
  readonly probability: number;
  /** By which part of themselves all losses must fall so that it wins now; 0 when it does. */
  readonly improvementNeeded: number;
  /** The first block at which it wins with the losses that it has; null: never. */
  readonly winsFromBlock: Block | null;
}

export interface ProspectsInput {
  readonly competition: Competition;
  /** Of `weighTasks`: those that were drawn. */
  readonly tasks: readonly Task[];
  readonly block: Block;
  readonly own: Contestant;
  readonly rival: Contestant;
  /** Of the resamples. */
  readonly seed: bigint | number;
  /** 1000 when absent: the probability is then right to about ±0.03. */
  readonly resamples?: number;
}

/** The same input gives the same answer, chance included. */
export function prospectsOf(input: ProspectsInput): Prospects {
  const { own, rival, block, seed, resamples = 1000 } = input;
  const wins = winsAt(input, block, own, rival);
  const random = new Random(seed);
  let won = 0;
  for (let drawn = 0; drawn < resamples; drawn++) {
    const picks = new Map(input.tasks.map((task) => [task.name, drawPlaces(random, task.name, own, rival)]));
    if (winsAt(input, block, resample(own, picks), resample(rival, picks))) won += 1;
  }
  return {
    wins,
    probability: won / resamples,
    improvementNeeded: wins ? 0 : improvementNeeded((part) => winsAt(input, block, improved(own, part), rival)),
    winsFromBlock: winningBlock({ ...input, winsAt: (at) => winsAt(input, at, own, rival) }),
  };
}

/** Whether the higher win rate of the two is the own one's. */
function winsAt({ tasks, competition }: ProspectsInput, block: Block, own: Contestant, rival: Contestant): boolean {
  const contenders = [own, rival].map((model) => ({
    model,
    score: scoreModel(tasks, model.perTask, competition.rules.failedTask).score,
  }));
  const [ours, theirs] = playMatches(tasks, contenders, competition, block);
  return ours!.winRate > theirs!.winRate;
}

function drawPlaces(random: Random, task: string, own: Contestant, rival: Contestant): Uint32Array {
  const count = Math.min(lossesOf(own.perTask[task]).length, lossesOf(rival.perTask[task]).length);
  return Uint32Array.from({ length: count }, () => random.below(count));
}

function resample(model: Contestant, picks: ReadonlyMap<string, Uint32Array>): Contestant {
  return changed(model, (losses, task) => Float64Array.from(picks.get(task)!, (place) => losses[place]!));
}

function improved(model: Contestant, part: number): Contestant {
  return changed(model, (losses) => Float64Array.from(losses, (loss) => loss * (1 - part)));
}

function changed(
  { modelBlock, perTask }: Contestant,
  change: (losses: ArrayLike<number>, task: string) => ArrayLike<number>,
): Contestant {
  const entries = Object.entries(perTask).map(([task, result]): [string, TaskResult] => [
    task,
    result.kind === "losses" ? { kind: "losses", losses: change(result.losses, task) } : result,
  ]);
  return { modelBlock, perTask: Object.fromEntries(entries) };
}

function lossesOf(result: TaskResult | undefined): ArrayLike<number> {
  return result?.kind === "losses" ? result.losses : [];
}

/** To six digits: lower losses only ever win more, so the border is found by halving. */
function improvementNeeded(winsWith: (part: number) => boolean): number {
  let [no, yes] = [0, 1];
  while (yes - no > 1e-6) {
    const middle = (no + yes) / 2;
    if (winsWith(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

/** ε only falls, so the first winning block is found by halving. */
function winningBlock(input: ProspectsInput & { readonly winsAt: (block: Block) => boolean }): Block | null {
  const { competition, block, rival, winsAt: wins } = input;
  if (wins(block)) return block;
  if (competition.epsilon.kind === "fixed") return null;
  let [no, yes] = [block, Math.max(block, rival.modelBlock + competition.epsilon.decayBlocks)];
  if (!wins(yes)) return null;
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (wins(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}
