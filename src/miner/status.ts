/** What validators see of a miner: its commitment, the repository as a stranger gets it, and from when it is measured. */
import { isInvalid } from "../base/invalid.ts";
import type { ChainClient } from "../chain/client.ts";
import { type CommittedModel, readCommitment } from "../competition/commitment.ts";
import type { Competition, CompetitionFile } from "../competition/competition.ts";
import { hashDigests, hashForHotkey } from "../competition/hashes.ts";
import { competitionAt, syncBlockAt } from "../competition/schedule.ts";
import { decideSync } from "../competition/sync.ts";
import type { Hub } from "../hub/connection.ts";
import { downloadModel } from "../hub/download.ts";
import { withoutToken } from "../hub/publish.ts";
import type { Block, Hotkey, Netuid, Uid } from "../subnet.ts";

export interface MinerStatus {
  readonly hotkey: Hotkey;
  /** The newest block: everything of the chain is as of it. */
  readonly block: Block;
  /** Null: not registered, so that no validator looks at the hotkey. */
  readonly neuron: { readonly uid: Uid; readonly incentive: number } | null;
  /** Null: nothing is committed. */
  readonly commitment: CommitmentStatus | null;
  readonly repository: RepositoryStatus | null;
  readonly evaluation: EvaluationStatus;
}

export type CommitmentStatus = { readonly block: Block } & (
  | ({ readonly kind: "model"; readonly repo: string } & Omit<CommittedModel, "namespace" | "name">)
  | { readonly kind: "unreadable"; readonly reason: string; readonly detail: string }
);

export type RepositoryStatus =
  /** Public, and the files hash to what the hotkey has committed. */
  | { readonly kind: "as-committed"; readonly bytes: number }
  | { readonly kind: "hash-mismatch"; readonly bytes: number }
  /** Nobody but its owner can read it, or it breaks a rule of every model; the reason is the hub's. */
  | { readonly kind: "not-readable"; readonly reason: string; readonly detail: string };

export type EvaluationStatus =
  /** In rounds whose sync block is not before `fromBlock`; the next one is at `nextSyncBlock`. */
  | { readonly kind: "from-block"; readonly fromBlock: Block; readonly nextSyncBlock: Block }
  | { readonly kind: "never"; readonly reason: string; readonly detail: string };

export interface StatusOptions {
  readonly chain: ChainClient;
  readonly netuid: Netuid;
  readonly hotkey: Hotkey;
  readonly hub: Hub;
  /** Where the commitment's competition is looked for, in this order. */
  readonly competitions: readonly CompetitionFile[];
  /** For the anonymous download, which a later call goes on with. */
  readonly workFolder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: {
    readonly what: string;
    readonly doneBytes: number;
    readonly totalBytes: number;
  }) => void;
}

export async function readMinerStatus(options: StatusOptions): Promise<MinerStatus> {
  const { chain, netuid, hotkey } = options;
  const metagraph = await chain.metagraph(netuid);
  const { block, blockHash } = metagraph;
  const neuron = metagraph.neurons.find((each) => each.hotkey === hotkey);
  const found = (await chain.commitments(netuid, blockHash)).find((each) => each.hotkey === hotkey);
  const model = found === undefined ? undefined : readCommitment(found.data);
  const file = options.competitions.find(
    (each) => model !== undefined && !isInvalid(model) && competitionAt(each, block, model.competitionId) !== undefined,
  );
  const commitment = found === undefined || model === undefined ? null : { model, block: found.block };
  const readable = model === undefined || isInvalid(model) ? undefined : model;
  const competition = readable && file && competitionAt(file, block, readable.competitionId);
  return {
    hotkey,
    block,
    neuron: neuron === undefined ? null : { uid: neuron.uid, incentive: neuron.incentive },
    commitment: commitment && committed(commitment),
    repository: readable === undefined ? null : await lookAtRepository(options, readable, competition),
    evaluation: evaluationOf({ file, block, commitment, isRegistered: neuron !== undefined }),
  };
}

type Found = { readonly model: ReturnType<typeof readCommitment>; readonly block: Block };

function committed({ model, block }: Found): CommitmentStatus {
  if (isInvalid(model)) return { kind: "unreadable", block, reason: model.reason, detail: model.detail };
  const { namespace, name, ...rest } = model;
  return { kind: "model", block, repo: `${namespace}/${name}`, ...rest };
}

/** Downloads the model without a token, as every validator does, and compares the hash. */
async function lookAtRepository(
  { hub, hotkey, workFolder, signal, onProgress }: StatusOptions,
  { namespace, name, revision, secureHash }: CommittedModel,
  competition: Competition | undefined,
): Promise<RepositoryStatus> {
  const downloaded = await downloadModel(withoutToken(hub), {
    repo: `${namespace}/${name}`,
    revision,
    folder: workFolder,
    signal,
    bytesMax: competition?.constraints.repositoryBytesMax ?? Number.MAX_SAFE_INTEGER,
    onProgress: ({ path, doneBytes, totalBytes }) => onProgress({ what: path, doneBytes, totalBytes }),
  });
  if (downloaded.kind !== "downloaded")
    return { kind: "not-readable", reason: downloaded.reason, detail: downloaded.detail };
  const same = hashForHotkey(hashDigests(downloaded.files), hotkey) === secureHash;
  return { kind: same ? "as-committed" : "hash-mismatch", bytes: downloaded.bytes };
}

/** The validators' own decision about the commitment at the newest block, and the first round that takes it. */
function evaluationOf(input: {
  readonly file: CompetitionFile | undefined;
  readonly block: Block;
  readonly commitment: Found | null;
  readonly isRegistered: boolean;
}): EvaluationStatus {
  const { file, block, commitment, isRegistered } = input;
  const never = (reason: string, detail: string): EvaluationStatus => ({ kind: "never", reason, detail });
  if (!isRegistered) return never("not-registered", "The hotkey is not registered in the subnet.");
  if (commitment === null) return never("no-commitment", "The hotkey has committed no model.");
  const { model } = commitment;
  if (isInvalid(model)) return never(model.reason, model.detail);
  const inactive = never("inactive", `Competition ${model.competitionId} does not run at block ${block}.`);
  if (file === undefined) return inactive;
  const decision = decideSync({ file, block, commitment, trackedBlock: null, force: false });
  if (decision.kind === "misconfigured") return never(decision.reason, decision.detail);
  if (decision.kind === "inactive") return inactive;
  const { evaluationDelayBlocks } = competitionAt(file, block, model.competitionId)!;
  const fromBlock = commitment.block + evaluationDelayBlocks;
  // A round begins at a sync block; competitions take turns, so the model's own may be a later one.
  const earliest = Math.max(fromBlock, block + 1);
  const nextSyncBlock = syncBlockAt(earliest + file.sync.cadenceBlocks - 1, file.sync);
  return { kind: "from-block", fromBlock, nextSyncBlock };
}
