/**
 * Models that are evaluated again although nothing about them has changed: a large validator pays them, and validators
 * that look at the same models soon agree.
 */
import type { ChainClient } from "../chain/client.ts";
import type { Competition, QueueLimits } from "../competition/competition.ts";
import { decideTopMiner } from "../competition/queue.ts";
import { highStakeValidators, topMiners } from "../competition/top-miners.ts";
import type { EvaluationResult } from "../competition/tracker.ts";
import type { Block, Metagraph, Uid } from "../subnet.ts";

/** The uids that the large validators' weights on the chain pay, as of the metagraph's block. */
export async function readTopMiners(
  chain: ChainClient,
  metagraph: Metagraph,
  { topMinerStakeTaoMin, topMinerShareMin }: QueueLimits,
): Promise<ReadonlySet<Uid>> {
  const { netuid, blockHash, neurons } = metagraph;
  const unread = neurons.map((neuron) => ({ ...neuron, weights: [] }));
  const views = await Promise.all(
    highStakeValidators(unread, topMinerStakeTaoMin).map(async (view) => {
      const { uids, values } = await chain.weights(netuid, view.uid, { at: blockHash });
      return { ...view, weights: uids.map((uid, index) => [uid, values[index]!] as const) };
    }),
  );
  return new Set(topMiners(views, topMinerStakeTaoMin, topMinerShareMin));
}

/** Whether a model that was evaluated before contends again because its miner is among the top ones. */
export function isForced(input: {
  readonly uid: Uid;
  readonly topMiners: ReadonlySet<Uid>;
  /** Those that contend again in any case. */
  readonly kept: ReadonlySet<Uid>;
  readonly competition: Competition;
  /** Of the model's commitment, oldest first. */
  readonly results: readonly EvaluationResult[];
  readonly block: Block;
  readonly forcedRetryBlocks: number;
}): boolean {
  const { uid, competition, kept, results, block, forcedRetryBlocks } = input;
  if (!input.topMiners.has(uid)) return false;
  const tracked = { model: null, results: new Map([[competition.id, results]]) };
  const state = { block, active: [competition], evaluating: new Map([[competition.id, kept]]), pending: new Map() };
  const decision = decideTopMiner({ uid, committedCompetitionId: competition.id, tracked }, state, forcedRetryBlocks);
  return decision.kind === "check" && decision.force;
}
