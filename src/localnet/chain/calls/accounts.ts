/** Balances of accounts: what every payment goes through, so that issuance and events always agree. */

import { type BalancesCall, balancesStorage, existentialDepositRao } from "../pallets/balances.ts";
import { balancesFailure } from "../pallets/failures.ts";
import { systemStorage } from "../pallets/system.ts";
import { DispatchFailure, type Runtime } from "../runtime.ts";
import type { StateView } from "../state.ts";
import type { Account, AccountInfo } from "../types/substrate.ts";

export function freeRao(state: StateView, who: Account): bigint {
  return state.get(systemStorage.Account, who).data.free;
}

/** Creates rao in an account, and the account where it is new. */
export function deposit({ state, deposit: emit }: Runtime, who: Account, amountRao: bigint): void {
  const info = state.get(systemStorage.Account, who);
  setFree(state, who, info, info.data.free + amountRao);
  if (info.providers === 0) {
    emit({ type: "System", value: { type: "NewAccount", value: { account: who } } });
    emit({ type: "Balances", value: { type: "Endowed", value: { account: who, free_balance: amountRao } } });
  }
  emit({ type: "Balances", value: { type: "Deposit", value: { who, amount: amountRao } } });
  state.update(balancesStorage.TotalIssuance, [], (total) => total + amountRao);
}

/** Removes rao from an account. False, and nothing done, where it would fall below the existential deposit. */
export function withdraw({ state, deposit: emit }: Runtime, who: Account, amountRao: bigint): boolean {
  const info = state.get(systemStorage.Account, who);
  if (amountRao > 0n && info.data.free < amountRao + existentialDepositRao) return false;
  if (amountRao === 0n) return true;
  setFree(state, who, info, info.data.free - amountRao);
  emit({ type: "Balances", value: { type: "Withdraw", value: { who, amount: amountRao } } });
  state.update(balancesStorage.TotalIssuance, [], (total) => total - amountRao);
  return true;
}

function setFree(state: Runtime["state"], who: Account, info: AccountInfo, free: bigint): void {
  state.set(systemStorage.Account, [who], { ...info, providers: 1, data: { ...info.data, free } });
}

export function callBalances(runtime: Runtime, who: Account, call: BalancesCall): void {
  const { dest } = call.value;
  if (dest.type !== "Id") throw new DispatchFailure({ type: "CannotLookup", value: null }, "CannotLookup");
  transfer(runtime, { from: who, to: dest.value, ...amountOf(freeRao(runtime.state, who), call) });
}

/** What a call moves, and whether the sender's account must live on. */
function amountOf(freeRao: bigint, call: BalancesCall): Pick<Transfer, "amountRao" | "keepAlive"> {
  if (call.type !== "transfer_all") {
    return { amountRao: call.value.value, keepAlive: call.type === "transfer_keep_alive" };
  }
  const keepAlive = call.value.keep_alive;
  const keepRao = keepAlive ? existentialDepositRao : 0n;
  return { amountRao: freeRao > keepRao ? freeRao - keepRao : 0n, keepAlive };
}

interface Transfer {
  readonly from: Account;
  readonly to: Account;
  readonly amountRao: bigint;
  /** Whether the sender must keep the existential deposit. */
  readonly keepAlive: boolean;
}

function transfer(runtime: Runtime, { from, to, amountRao, keepAlive }: Transfer): void {
  const { state, deposit: emit } = runtime;
  const sender = state.get(systemStorage.Account, from);
  const rest = sender.data.free - amountRao;
  if (rest < 0n) {
    throw new DispatchFailure({ type: "Token", value: { type: "FundsUnavailable", value: null } }, "FundsUnavailable");
  }
  if (keepAlive && rest < existentialDepositRao) {
    throw new DispatchFailure({ type: "Token", value: { type: "NotExpendable", value: null } }, "NotExpendable");
  }
  const receiver = state.get(systemStorage.Account, to);
  if (from !== to) {
    if (receiver.data.free + amountRao < existentialDepositRao) throw balancesFailure("ExistentialDeposit");
    setFree(state, from, sender, rest);
    setFree(state, to, receiver, receiver.data.free + amountRao);
    if (receiver.providers === 0) endow(runtime, to, amountRao);
    if (rest < existentialDepositRao) reap(runtime, from, rest);
  }
  emit({ type: "Balances", value: { type: "Transfer", value: { from, to, amount: amountRao } } });
}

function endow({ deposit: emit }: Runtime, account: Account, free_balance: bigint): void {
  emit({ type: "System", value: { type: "NewAccount", value: { account } } });
  emit({ type: "Balances", value: { type: "Endowed", value: { account, free_balance } } });
}

/** Removes what is left of an account below the existential deposit; its nonce stays, so that nothing replays. */
function reap({ state, deposit: emit }: Runtime, account: Account, dustRao: bigint): void {
  const info = state.get(systemStorage.Account, account);
  state.set(systemStorage.Account, [account], { ...info, providers: 0, data: { ...info.data, free: 0n } });
  state.update(balancesStorage.TotalIssuance, [], (total) => total - dustRao);
  emit({ type: "System", value: { type: "KilledAccount", value: { account } } });
  if (dustRao > 0n) emit({ type: "Balances", value: { type: "DustLost", value: { account, amount: dustRao } } });
}
