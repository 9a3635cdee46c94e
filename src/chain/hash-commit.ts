/** Weights in two steps of our own: their hash now, and what was hashed in the reveal epoch. */
import { u8aToHex } from "@polkadot/util";
import { commitHash } from "./commit-hash.ts";
import { epochOfNextBlock, epochOfState, epochStart, readEpochState } from "./epoch.ts";
import { hyperparametersAt } from "./hyperparameters.ts";
import type { Link } from "./link.ts";
import { readHashCommits, rowIsStored, storageIndex, waitForBlock, weightsCall } from "./mechanism.ts";
import { readBack } from "./read-back.ts";
import type { Signer } from "./runtime.ts";
import { Snapshot } from "./snapshot.ts";
import { type Pending, refusedBeforehand, type Submission, type Submitter } from "./submission.ts";
import type { Plan, Reveal, WeightsSubmission } from "./weight-plan.ts";

export interface RevealRequest {
  readonly reveal: Reveal;
  /** The hotkey that committed. */
  readonly signer: Signer;
  /** Ends the wait for the reveal epoch. */
  readonly signal?: AbortSignal;
  readonly onSigned?: (pending: Pending) => void | Promise<void>;
}

/** Draws the salt and the hash of a plan. */
export function revealOf({ weights, attempt, row, index }: Plan): Reveal {
  const salt = [...crypto.getRandomValues(new Uint16Array(8))];
  const { netuid, signer } = weights;
  const { mecid, versionKey } = attempt;
  const secret = { uids: row.uids, values: row.values, salt, versionKey };
  const hash = commitHash({ publicKey: signer.publicKey, storageIndex: index, ...secret });
  return { netuid, mecid, ...secret, commitHash: u8aToHex(hash), commitEpoch: null };
}

export async function submitHash(
  link: Link,
  submitter: Submitter,
  plan: Plan,
  reveal: Reveal,
): Promise<Submission & Pick<WeightsSubmission, "reveal">> {
  const { netuid, mecid, commitHash: hash } = reveal;
  const { signer, onSigned } = plan.weights;
  const submitted = await submitter.submit({
    path: weightsCall("commit", mecid),
    args: () => ({ netuid, mecid, commit_hash: hash }),
    signer,
    ...(onSigned === undefined ? {} : { onSigned }),
  });
  const submission = await readBack(link, submitted, async (snapshot) =>
    (await readHashCommits(snapshot, plan.index, signer.ss58Address)).some((commit) => commit.hash === hash),
  );
  // Whatever may be on the chain must stay revealable: only a refused commit leaves nothing to reveal.
  if (submission.kind === "refused") return { ...submission, reveal: null };
  if (submission.kind === "unknown") return { ...submission, reveal };
  const state = await readEpochState(await Snapshot.at(link, submission.blockHash), netuid);
  return { ...submission, reveal: { ...reveal, commitEpoch: epochOfState(state) } };
}

/** Reveals a commit; waits for its reveal epoch when that has not begun. */
export async function submitReveal(
  link: Link,
  submitter: Submitter,
  { reveal, signer, signal, onSigned }: RevealRequest,
): Promise<Submission> {
  const { netuid, mecid, uids, values, salt, versionKey } = reveal;
  const index = storageIndex(netuid, mecid);
  for (;;) {
    const waiting = await blockOfReveal(link, reveal, signer);
    if (typeof waiting === "string") return refusedBeforehand(waiting);
    if (waiting === 0) break;
    if (!(await waitForBlock(link, waiting - 1, signal))) return refusedBeforehand("RevealTooEarly");
  }
  const submission = await submitter.submit({
    path: weightsCall("reveal", mecid),
    args: () => ({ netuid, mecid, uids, values, salt, version_key: versionKey }),
    signer,
    ...(onSigned === undefined ? {} : { onSigned }),
  });
  return await readBack(link, submission, async (snapshot) => {
    const uid = await snapshot.value("SubtensorModule.Uids", netuid, signer.ss58Address);
    return rowIsStored(snapshot, index, Number(uid), reveal);
  });
}

/** The block to wait for, 0 when the next one will do, or the name of what makes waiting useless. */
async function blockOfReveal(link: Link, reveal: Reveal, signer: Signer): Promise<number | string> {
  const snapshot = await Snapshot.at(link);
  const commits = await readHashCommits(snapshot, storageIndex(reveal.netuid, reveal.mecid), signer.ss58Address);
  const commit = commits.find(({ hash }) => hash === reveal.commitHash);
  if (commit === undefined) return "NoWeightsCommitFound";
  if (reveal.commitEpoch === null) return commit.firstRevealBlock <= snapshot.block + 1 ? 0 : commit.firstRevealBlock;
  const { revealPeriodEpochs } = await hyperparametersAt(snapshot, reveal.netuid);
  const revealEpoch = reveal.commitEpoch + revealPeriodEpochs;
  const state = await readEpochState(snapshot, reveal.netuid);
  const epoch = epochOfNextBlock(state);
  if (epoch > revealEpoch) return "ExpiredWeightCommit";
  return epoch === revealEpoch ? 0 : epochStart(state, revealEpoch);
}
