/** Writes a commitment: checks what the runtime would check, submits, and reads back what the chain then holds. */
import { u8aToHex } from "@polkadot/util";
import type { Netuid } from "../subnet.ts";
import { readRegistration } from "./account.ts";
import { dataVariant, readCommitment } from "./commitment.ts";
import { epochOfNextBlock, readEpochState } from "./epoch.ts";
import { readNamed } from "./hyperparameters.ts";
import type { Link } from "./link.ts";
import { readBack } from "./read-back.ts";
import type { Signer } from "./runtime.ts";
import { Snapshot } from "./snapshot.ts";
import { type Pending, refusedBeforehand, type Submission, type Submitter } from "./submission.ts";

/** A commitment costs at least this much of the epoch's space, however short. */
const spaceBytesMin = 100;

export interface NewCommitment {
  readonly netuid: Netuid;
  /** Up to 128 bytes, up to 512 where the runtime has BigRaw. */
  readonly data: Uint8Array;
  /** The hotkey, which must be registered in the subnet. */
  readonly signer: Signer;
  readonly onSigned?: (pending: Pending) => void | Promise<void>;
}

export async function submitCommitment(
  link: Link,
  submitter: Submitter,
  { netuid, data, signer, onSigned }: NewCommitment,
): Promise<Submission> {
  const refused = await refusedCommitment(await Snapshot.at(link), { netuid, data, signer });
  if (refused !== undefined) return refused;
  const submission = await submitter.submit({
    path: "Commitments.set_commitment",
    args: () => ({ netuid, info: { fields: [{ [dataVariant(data)!]: u8aToHex(data) }] } }),
    signer,
    ...(onSigned === undefined ? {} : { onSigned }),
  });
  return await readBack(link, submission, async (at) => {
    const written = await readCommitment(at, netuid, signer.ss58Address);
    return written !== undefined && Buffer.from(written.data).equals(data);
  });
}

/** How much of the epoch's commitment space a hotkey has left; undefined where the runtime has no such budget. */
export async function readSpaceLeft(snapshot: Snapshot, netuid: Netuid, hotkey: string): Promise<number | undefined> {
  const { used, max } = await readNamed(snapshot, {
    used: ["Commitments.UsedSpaceOf", netuid, hotkey],
    max: ["Commitments.MaxSpace"],
  });
  if (max === null) return undefined;
  if (used === null) return Number(max);
  const { lastEpoch, usedSpace } = used as { lastEpoch: bigint; usedSpace: bigint };
  const epoch = epochOfNextBlock(await readEpochState(snapshot, netuid));
  return Number(max) - (Number(lastEpoch) === epoch ? Number(usedSpace) : 0);
}

async function refusedCommitment(
  snapshot: Snapshot,
  { netuid, data, signer }: NewCommitment,
): Promise<Submission | undefined> {
  const variant = dataVariant(data);
  const bigRaw = snapshot.has("Commitments.UsedSpaceOf");
  if (variant === undefined || (variant === "BigRaw" && !bigRaw)) return refusedBeforehand("CommitmentTooLong");
  if ((await readRegistration(snapshot, netuid, signer.ss58Address)) === undefined)
    return refusedBeforehand("AccountNotAllowedCommit");
  const left = await readSpaceLeft(snapshot, netuid, signer.ss58Address);
  if (left !== undefined)
    return Math.max(spaceBytesMin, data.length) > left ? refusedBeforehand("SpaceLimitExceeded") : undefined;
  const last = await snapshot.value("Commitments.LastCommitment", netuid, signer.ss58Address);
  const rateLimitBlocks = Number(snapshot.runtime.constant("Commitments.RateLimit") ?? 0);
  const tooSoon = last !== null && snapshot.block + 1 - Number(last) < rateLimitBlocks;
  return tooSoon ? refusedBeforehand("CommitmentSetRateLimitExceeded") : undefined;
}
