/** Balances: TAO of coldkeys, in rao. */

import { constant, entry, storageOf } from "../pallet.ts";
import { bool, compactU64, u64, type ValueOf } from "../scale/type.ts";
import { bare, named, variants } from "../scale/variant.ts";
import { accountId, multiAddress } from "../types/substrate.ts";

/** An account with less than this is removed (rao). */
export const existentialDepositRao = 500n;

export const balancesStorage = storageOf("Balances", { TotalIssuance: entry([], u64, 0n) });

export const balancesCalls = variants("pallet_balances::pallet::Call", {
  transfer_allow_death: named(0, { dest: multiAddress, value: compactU64 }),
  transfer_keep_alive: named(3, { dest: multiAddress, value: compactU64 }),
  transfer_all: named(4, { dest: multiAddress, keep_alive: bool }),
});
export type BalancesCall = ValueOf<typeof balancesCalls>;

export const balancesEvents = variants("pallet_balances::pallet::Event", {
  Endowed: named(0, { account: accountId, free_balance: u64 }),
  DustLost: named(1, { account: accountId, amount: u64 }),
  Transfer: named(2, { from: accountId, to: accountId, amount: u64 }),
  Deposit: named(7, { who: accountId, amount: u64 }),
  Withdraw: named(8, { who: accountId, amount: u64 }),
});

export const balancesErrors = variants("pallet_balances::pallet::Error", {
  InsufficientBalance: bare(2),
  ExistentialDeposit: bare(3),
  Expendability: bare(4),
});

export const balancesConstants = { ExistentialDeposit: constant(u64, existentialDepositRao) };
