/** Commitments: what a hotkey says in public, a miner's repository for example. */

import { constant, entry, identity, optional, storageOf, twox } from "../pallet.ts";
import { bytes, described, tuple, u16, u32, u64, type ValueOf, vec } from "../scale/type.ts";
import { bare, named, variants } from "../scale/variant.ts";
import { commitmentInfo, fieldCountMax, registration, usageTracker } from "../types/commitment.ts";
import { accountId } from "../types/substrate.ts";

const keys = [identity(u16), twox(accountId)] as const;

/** The commitments that hold something locked, so that each block finds them. */
const lockedMember = tuple(u16, accountId);
const lockedList = vec(lockedMember);
const lockedSet = described(lockedList, (table) => ({
  path: ["BTreeSet"],
  params: [["T", table.idOf(lockedMember)]],
  def: { type: "Composite", value: [{ type: table.idOf(lockedList) }] },
}));

export const commitmentsStorage = storageOf("Commitments", {
  TimelockedIndex: entry([], lockedSet, []),
  CommitmentOf: optional(keys, registration),
  LastCommitment: optional(keys, u32),
  LastBondsReset: optional(keys, u32),
  RevealedCommitments: optional(keys, vec(tuple(bytes, u64))),
  UsedSpaceOf: optional(keys, usageTracker),
  MaxSpace: entry([], u32, 3100),
});

export const commitmentsCalls = variants("pallet_commitments::pallet::Call", {
  set_commitment: named(0, { netuid: u16, info: commitmentInfo }),
});
export type CommitmentsCall = ValueOf<typeof commitmentsCalls>;

export const commitmentsEvents = variants("pallet_commitments::pallet::Event", {
  Commitment: named(0, { netuid: u16, who: accountId }),
  TimelockCommitment: named(1, { netuid: u16, who: accountId, reveal_round: u64 }),
  CommitmentRevealed: named(2, { netuid: u16, who: accountId }),
});

export const commitmentsErrors = variants("pallet_commitments::pallet::Error", {
  TooManyFieldsInCommitmentInfo: bare(0),
  AccountNotAllowedCommit: bare(1),
  SpaceLimitExceeded: bare(2),
});

export const commitmentsConstants = {
  MaxFields: constant(u32, fieldCountMax),
  InitialDeposit: constant(u64, 0n),
  FieldDeposit: constant(u64, 0n),
};
