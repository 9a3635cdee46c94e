/** System: accounts, events, block hashes. */

import { blake2, constant, entry, optional, storageOf, twox } from "../pallet.ts";
import { bytes, u16, u32 } from "../scale/type.ts";
import { bare, named, variants } from "../scale/variant.ts";
import {
  accountId,
  accountInfo,
  digest,
  dispatchError,
  dispatchInfo,
  h256,
  lastRuntimeUpgrade,
  noAccount,
  type RuntimeVersion,
  runtimeVersion,
  zeroHash,
} from "../types/substrate.ts";

export const blockHashCount = 2400;

export const systemStorage = storageOf("System", {
  Account: entry([blake2(accountId)], accountInfo, noAccount),
  ExtrinsicCount: optional([], u32),
  BlockHash: entry([twox(u32)], h256, zeroHash),
  Number: entry([], u32, 0),
  ParentHash: entry([], h256, zeroHash),
  Digest: entry([], digest, { logs: [] }),
  EventCount: entry([], u32, 0),
  LastRuntimeUpgrade: optional([], lastRuntimeUpgrade),
});

export const systemCalls = variants("frame_system::pallet::Call", {
  remark: named(0, { remark: bytes }),
  remark_with_event: named(7, { remark: bytes }),
});

export const systemEvents = variants("frame_system::pallet::Event", {
  ExtrinsicSuccess: named(0, { dispatch_info: dispatchInfo }),
  ExtrinsicFailed: named(1, { dispatch_error: dispatchError, dispatch_info: dispatchInfo }),
  NewAccount: named(3, { account: accountId }),
  KilledAccount: named(4, { account: accountId }),
  Remarked: named(5, { sender: accountId, hash: h256 }),
});

export const systemErrors = variants("frame_system::pallet::Error", { CallFiltered: bare(5) });

export function systemConstants(version: RuntimeVersion) {
  return {
    BlockHashCount: constant(u32, blockHashCount),
    Version: constant(runtimeVersion, version),
    SS58Prefix: constant(u16, 42),
  };
}
