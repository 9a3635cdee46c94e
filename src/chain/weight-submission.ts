/**
 * Sets weights in the way that the subnet takes them: in the plain, as a hash that is revealed later, or locked until a
 * round of the drand beacon. Checks first, waits for the rate limit, submits once, and reads back what the chain holds.
 */
import { u8aToHex } from "@polkadot/util";
import { readBeacon } from "./beacon.ts";
import { timelockPayload } from "./commit-hash.ts";
import { readEpochState } from "./epoch.ts";
import { revealOf, submitHash } from "./hash-commit.ts";
import type { Link } from "./link.ts";
import { rowIsStored, waitForBlock, weightsCall } from "./mechanism.ts";
import type { Plain } from "./plain.ts";
import { readBack } from "./read-back.ts";
import { revealRound } from "./reveal-round.ts";
import type { Snapshot } from "./snapshot.ts";
import { type Call, refusedBeforehand, type Submission, type Submitter } from "./submission.ts";
import { timelockEncrypt } from "./timelock.ts";
import { blocksToWait, type WeightsMethod } from "./weight-checks.ts";
import {
  failedPlan,
  type NewWeights,
  type Plan,
  planWeights,
  type Reveal,
  type WeightsSubmission,
} from "./weight-plan.ts";

type Sent = Submission & Partial<Pick<WeightsSubmission, "reveal" | "revealRound">>;

const senders: Readonly<Record<WeightsMethod, (link: Link, submitter: Submitter, plan: Plan) => Promise<Sent>>> = {
  plain: sendPlain,
  "hash-commit": sendHash,
  timelocked: sendTimelocked,
};

export async function submitWeights(link: Link, submitter: Submitter, weights: NewWeights): Promise<WeightsSubmission> {
  for (;;) {
    const plan = await planWeights(link, weights);
    const refused = await failedPlan(plan);
    if (refused !== undefined) return described(plan, refusedBeforehand(refused));
    const waitBlocks = blocksToWait(plan.attempt);
    if (waitBlocks === 0) return described(plan, await senders[plan.attempt.method](link, submitter, plan));
    weights.onWait?.(waitBlocks);
    if (!(await waitForBlock(link, plan.snapshot.block + waitBlocks, weights.signal)))
      return described(plan, refusedBeforehand("SettingWeightsTooFast"));
  }
}

function described({ attempt, row, replaced }: Plan, sent: Sent): WeightsSubmission {
  const { method, versionKey } = attempt;
  return { reveal: null, revealRound: null, ...sent, method, row, replaced, versionKey };
}

async function sendPlain(link: Link, submitter: Submitter, plan: Plan): Promise<Submission> {
  const { row, attempt, weights } = plan;
  const { mecid, versionKey } = attempt;
  const submission = await submitter.submit({
    path: weightsCall("set", mecid),
    args: () => ({ netuid: weights.netuid, mecid, dests: row.uids, weights: row.values, version_key: versionKey }),
    ...signing(plan),
  });
  return await readBack(link, submission, (snapshot) => rowIsStored(snapshot, plan.index, plan.uid, row));
}

async function sendHash(link: Link, submitter: Submitter, plan: Plan): Promise<Sent> {
  const reveal: Reveal = revealOf(plan);
  await plan.weights.onReveal?.(reveal);
  return await submitHash(link, submitter, plan, reveal);
}

async function sendTimelocked(link: Link, submitter: Submitter, plan: Plan): Promise<Sent> {
  const { row, attempt, snapshot, weights } = plan;
  const { mecid, versionKey, hyperparameters } = attempt;
  const { netuid, signer } = weights;
  const [beacon, state] = await Promise.all([readBeacon(snapshot), readEpochState(snapshot, netuid)]);
  if (beacon === undefined) return refusedBeforehand("BeaconUnknown");
  const byTime = revealRound({
    state,
    revealPeriodEpochs: hyperparameters.revealPeriodEpochs,
    beacon,
    blockSeconds: link.blockTimeMs / 1000,
    blockUnixSeconds: beacon.blockUnixSeconds,
  });
  // The chain refuses a round that it has seen; on a chain that is slower than its block time the formula may give one.
  const round = byTime > beacon.lastRound ? byTime : beacon.lastRound + 1n;
  const payload = timelockPayload({ publicKey: signer.publicKey, uids: row.uids, values: row.values, versionKey });
  const commit = timelockEncrypt(payload, { round, publicKey: beacon.publicKey });
  const submission = await submitter.submit({
    path: weightsCall("commit_timelocked", mecid),
    args: () => ({
      netuid,
      mecid,
      commit: u8aToHex(commit),
      reveal_round: round,
      commit_reveal_version: hyperparameters.commitRevealVersion,
    }),
    ...signing(plan),
  });
  const checked = await readBack(link, submission, (at) => timelockIsStored(at, plan, commit));
  return { ...checked, revealRound: round };
}

/** True when the commit waits on the chain; under the epoch of its block, or the next where that block began one. */
async function timelockIsStored(snapshot: Snapshot, { index }: Plan, commit: Uint8Array): Promise<boolean> {
  const entries = await snapshot.entries("SubtensorModule.TimelockedWeightCommits", index);
  const commits = entries.flatMap(({ value }) => value as readonly (readonly Plain[])[]);
  return commits.some(([, , bytes]) => bytes instanceof Uint8Array && Buffer.from(bytes).equals(commit));
}

function signing({ weights }: Plan): Pick<Call, "signer" | "onSigned"> {
  return { signer: weights.signer, ...(weights.onSigned === undefined ? {} : { onSigned: weights.onSigned }) };
}
