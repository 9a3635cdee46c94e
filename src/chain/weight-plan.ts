/** Everything that decides about one setting of weights, read at one block: the row, the way, and what speaks against. */
import { assert } from "../base/assert.ts";
import type { Hotkey, Metagraph, Netuid, Uid } from "../subnet.ts";
import { type Hyperparameters, hyperparametersAt } from "./hyperparameters.ts";
import type { Link } from "./link.ts";
import { readHashCommits, storageIndex } from "./mechanism.ts";
import { readMetagraph } from "./metagraph.ts";
import type { Signer } from "./runtime.ts";
import { Snapshot } from "./snapshot.ts";
import type { Pending, Submission } from "./submission.ts";
import { failedCheck, type WeightsAttempt, type WeightsMethod } from "./weight-checks.ts";
import { type WeightRow, weightRow } from "./weights.ts";

export interface NewWeights {
  readonly netuid: Netuid;
  /** The subnet's mechanism; 0 is the first, and the only one of most subnets. */
  readonly mecid?: number;
  readonly uids: readonly Uid[];
  /** Not negative, in any unit: only proportions matter. */
  readonly weights: readonly number[];
  /**
   * Who held each uid when the weights were made. A uid that another hotkey has taken over since is left out: minutes
   * or hours lie between a measurement and its weights, and a newcomer has earned none of them.
   */
  readonly hotkeys?: readonly Hotkey[];
  readonly versionKey: bigint | number;
  /** The hotkey. */
  readonly signer: Signer;
  /** By default what the chain's parameters ask for. */
  readonly method?: WeightsMethod;
  /** Ends the wait for the rate limit. */
  readonly signal?: AbortSignal;
  readonly onWait?: (blocks: number) => void;
  readonly onSigned?: (pending: Pending) => void | Promise<void>;
  /** Called with what a hash commit must remember, and awaited, before it leaves. */
  readonly onReveal?: (reveal: Reveal) => void | Promise<void>;
}

/**
 * What a hash commit must remember for its reveal. Its salt is drawn before it is sent, so that it can be kept before
 * anything leaves: without it the weights are lost.
 */
export interface Reveal {
  readonly netuid: Netuid;
  readonly mecid: number;
  readonly uids: readonly Uid[];
  readonly values: readonly number[];
  readonly salt: readonly number[];
  readonly versionKey: bigint;
  readonly commitHash: string;
  /** The epoch that the commit was made in; null while its fate is unknown. */
  readonly commitEpoch: number | null;
}

export type WeightsSubmission = Submission & {
  readonly method: WeightsMethod;
  /** As the chain stores it, or will once it is revealed. */
  readonly row: WeightRow;
  /** Neurons that were left out because another hotkey has their uid now. */
  readonly replaced: readonly Uid[];
  readonly versionKey: bigint;
  /** Of a hash commit: hand it to `revealWeights`. */
  readonly reveal: Reveal | null;
  /** Of a timelocked commit: the beacon's round that opens it. */
  readonly revealRound: bigint | null;
};

export interface Plan {
  readonly weights: NewWeights;
  readonly snapshot: Snapshot;
  readonly attempt: WeightsAttempt;
  readonly row: WeightRow;
  readonly replaced: readonly Uid[];
  /** Where the mechanism's weights are stored. */
  readonly index: number;
  /** Of the neuron that sets them; -1 when the hotkey is not registered. */
  readonly uid: Uid;
}

/** The chain keeps at most this many hash commits of a hotkey that wait for their reveal. */
const unrevealedCommitsMax = 10;

/** Reads what decides at the newest block. Throws `FailureError` when the chain cannot be read; it sends nothing. */
export async function planWeights(link: Link, weights: NewWeights): Promise<Plan> {
  const { netuid, mecid = 0 } = weights;
  const hotkey = weights.signer.ss58Address;
  const snapshot = await Snapshot.at(link);
  const index = storageIndex(netuid, mecid);
  const [metagraph, hyperparameters, updates] = await Promise.all([
    readMetagraph(link, netuid, snapshot.blockHash),
    hyperparametersAt(snapshot, netuid),
    snapshot.value("SubtensorModule.LastUpdate", index),
  ]);
  const own = metagraph.neurons.find((neuron) => neuron.hotkey === hotkey);
  const replaced = replacedUids(weights, metagraph);
  const shares = weights.weights.map((weight, place) => (replaced.includes(weights.uids[place]!) ? 0 : weight));
  const row = weightRow(weights.uids, shares, {
    minAllowedWeights: hyperparameters.minAllowedWeights,
    maxWeightsLimit: hyperparameters.maxWeightsLimit,
    neurons: metagraph.neurons.length,
    ...(own === undefined ? {} : { own: { uid: own.uid, isOwner: hyperparameters.ownerHotkey === hotkey } }),
  });
  const attempt = {
    method: weights.method ?? chosenMethod(snapshot, hyperparameters),
    metagraph,
    hyperparameters,
    hotkey,
    mecid,
    uids: row.uids,
    values: row.values,
    versionKey: BigInt(weights.versionKey),
    lastUpdateBlock: own === undefined ? 0 : Number((updates as readonly bigint[])[own.uid] ?? 0),
    block: snapshot.block + 1,
  };
  return { weights, snapshot, attempt, row, replaced, index, uid: own?.uid ?? -1 };
}

function replacedUids({ uids, hotkeys }: NewWeights, { neurons }: Metagraph): readonly Uid[] {
  if (hotkeys === undefined) return [];
  assert(hotkeys.length === uids.length, "every uid has its hotkey");
  const holders = new Map(neurons.map(({ uid, hotkey }) => [uid, hotkey]));
  return uids.filter((uid, index) => holders.get(uid) !== hotkeys[index]);
}

/** The name of what the runtime would refuse, its rate limit aside: that is waited for, and need not come first. */
export async function failedPlan({ attempt, snapshot, index }: Plan): Promise<string | undefined> {
  const failed = failedCheck({ ...attempt, lastUpdateBlock: 0 });
  if (failed !== undefined || attempt.method !== "hash-commit") return failed;
  const commits = await readHashCommits(snapshot, index, attempt.hotkey);
  return commits.length >= unrevealedCommitsMax ? "TooManyUnrevealedCommits" : undefined;
}

/** By the chain's own parameters; where the runtime has no timelocked commits, a hash and its later reveal. */
function chosenMethod({ callRuntime }: Snapshot, { commitRevealEnabled }: Hyperparameters): WeightsMethod {
  if (!commitRevealEnabled) return "plain";
  return callRuntime.hasCall("SubtensorModule.commit_timelocked_weights") ? "timelocked" : "hash-commit";
}
