/**
 * Against whom a model must win: the best paid of what is committed to its competition, downloaded as validators do and
 * held against the committed hash, so that nobody is afraid of a copy that no validator would admit.
 */
import { FailureError, OperatorError } from "../base/errors.ts";
import { invalid, isInvalid } from "../base/invalid.ts";
import type { ChainClient } from "../chain/client.ts";
import { type CommittedModel, readCommitment } from "../competition/commitment.ts";
import type { Competition, CompetitionFile } from "../competition/competition.ts";
import { hashDigests, hashForHotkey } from "../competition/hashes.ts";
import { decideSync } from "../competition/sync.ts";
import type { ModelCache } from "../hub/cache.ts";
import type { Hub } from "../hub/connection.ts";
import type { Progress } from "../hub/download.ts";
import type { Block, Hotkey, Netuid } from "../subnet.ts";
import type { Committed } from "./check.ts";
import type { Problem } from "./measurement.ts";

export interface Commitment extends CommittedModel {
  readonly repo: string;
  readonly hotkey: Hotkey;
  readonly block: Block;
  /** The chain's pay for it, 0…1. */
  readonly incentive: number;
}

/** Registered hotkeys' readable commitments to a competition, best paid first, then the earlier. */
export async function readContest(
  chain: ChainClient,
  contest: { readonly netuid: Netuid; readonly file: CompetitionFile; readonly competitionId: number },
): Promise<readonly Commitment[]> {
  const { netuid, file, competitionId } = contest;
  const { block, blockHash, neurons } = await chain.metagraph(netuid);
  const incentives = new Map(neurons.map(({ hotkey, incentive }) => [hotkey, incentive] as const));
  const commitments = (await chain.commitments(netuid, blockHash)).flatMap((found): Commitment[] => {
    const model = readCommitment(found.data);
    const incentive = incentives.get(found.hotkey);
    if (isInvalid(model) || incentive === undefined || model.competitionId !== competitionId) return [];
    const commitment = { model, block: found.block };
    const decision = decideSync({ file, block, commitment, trackedBlock: null, force: true });
    if (decision.kind === "misconfigured" || decision.kind === "inactive") return [];
    const repo = `${model.namespace}/${model.name}`;
    return [{ ...model, repo, hotkey: found.hotkey, block: found.block, incentive }];
  });
  return commitments.sort((a, b) => b.incentive - a.incentive || a.block - b.block);
}

/** A hotkey's commitment to any competition: a publication would replace it. */
export async function readOwnCommitment(
  chain: ChainClient,
  netuid: Netuid,
  hotkey: Hotkey,
): Promise<(CommittedModel & { readonly repo: string; readonly block: Block }) | null> {
  const found = (await chain.commitments(netuid)).find((each) => each.hotkey === hotkey);
  const model = found && readCommitment(found.data);
  if (found === undefined || model === undefined || isInvalid(model)) return null;
  return { ...model, repo: `${model.namespace}/${model.name}`, block: found.block };
}

export interface HoldOptions {
  readonly cache: ModelCache;
  readonly hub: Hub;
  readonly competition: Competition;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress & { readonly repo: string }) => void;
}

/** A committed model that validators cannot admit either. */
export interface LeftOut extends Problem {
  readonly name: string;
}

export interface HeldModels extends Disposable {
  readonly held: readonly Committed[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Downloads commitments in their order until `count` of them can contend; in use until disposed. Throws where it is not
 * the miner's fault that one cannot be had: without the best, nobody knows what is worth publishing.
 */
export async function holdModels(
  commitments: readonly Commitment[],
  count: number,
  options: HoldOptions,
): Promise<HeldModels> {
  const held: (Committed & { readonly release: () => void })[] = [];
  const leftOut: LeftOut[] = [];
  const release = () => {
    for (const model of held) model.release();
  };
  try {
    for (const commitment of commitments) {
      if (held.length === count) break;
      const found = await hold(commitment, options);
      if ("kind" in found) leftOut.push(found);
      else held.push(found);
    }
    return { held, leftOut, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

async function hold(
  { repo, revision, hotkey, secureHash, block }: Commitment,
  { cache, hub, competition, signal, onProgress }: HoldOptions,
): Promise<(Committed & { readonly release: () => void }) | LeftOut> {
  const found = await cache.acquire(hub, {
    repo,
    revision,
    signal,
    bytesMax: competition.constraints.repositoryBytesMax,
    onProgress: (progress) => onProgress({ repo, ...progress }),
  });
  if (found.kind === "invalid") return { name: repo, ...invalid(found.reason, found.detail) };
  if (found.kind === "refused")
    throw new OperatorError(
      `${repo}, which the model must beat, cannot be downloaded: ${found.detail}.`,
      "Check the space for --cache and the hub's token, and run this again.",
    );
  if (found.kind === "retry")
    throw new FailureError(
      `${repo}, which the model must beat, cannot be downloaded: ${found.detail}.`,
      "Run this again.",
    );
  if (hashForHotkey(hashDigests(found.files), hotkey) !== secureHash) {
    found.release();
    return { name: repo, ...invalid("hash-mismatch", "Its files are not what its hotkey committed.") };
  }
  const { folder, bytes: repositoryBytes, release } = found;
  return { name: repo, folder, repositoryBytes, block, release: () => release.call(found) };
}
