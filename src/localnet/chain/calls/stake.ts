/** Stake: the alpha of a hotkey on a subnet is a pool that coldkeys hold shares of, so that dividends reach all of them. */
import { subtensorFailure } from "../pallets/failures.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { Runtime } from "../runtime.ts";
import type { State, StateView } from "../state.ts";
import { type Account, zeroAccount } from "../types/substrate.ts";
import { deposit, withdraw } from "./accounts.ts";
import { rootNetuid, subnetExists } from "./neurons.ts";
import { alphaForTao, moveReserves, taoForAlpha } from "./swap.ts";

/** The smallest amount that can be staked or taken back (rao). */
const stakeRaoMin = 2_000_000n;
const shareBits = 64n;

/** Records who owns a hotkey the first time that it is seen. */
export function associate(state: State, hotkey: Account, coldkey: Account): void {
  if (state.get(storage.Owner, hotkey) !== zeroAccount) return;
  state.set(storage.Owner, [hotkey], coldkey);
  state.update(storage.OwnedHotkeys, [coldkey], (owned) => [...owned, hotkey]);
}

/** A coldkey's part of a hotkey's alpha on a subnet, in rao. */
export function stakeRao(state: StateView, hotkey: Account, coldkey: Account, netuid: number): bigint {
  const shares = state.get(storage.Alpha, hotkey, coldkey, netuid).bits;
  const total = state.get(storage.TotalHotkeyShares, hotkey, netuid).bits;
  return total === 0n ? 0n : (state.get(storage.TotalHotkeyAlpha, hotkey, netuid) * shares) / total;
}

/** Adds alpha to a coldkey's part: new shares at the pool's present value. */
export function addStake(state: State, hotkey: Account, coldkey: Account, netuid: number, alphaRao: bigint): void {
  const pool = state.get(storage.TotalHotkeyAlpha, hotkey, netuid);
  const total = state.get(storage.TotalHotkeyShares, hotkey, netuid).bits;
  const shares = pool === 0n ? alphaRao << shareBits : (alphaRao * total) / pool;
  state.set(storage.TotalHotkeyAlpha, [hotkey, netuid], pool + alphaRao);
  state.set(storage.TotalHotkeyShares, [hotkey, netuid], { bits: (pool === 0n ? 0n : total) + shares });
  state.update(storage.Alpha, [hotkey, coldkey, netuid], ({ bits }) => ({ bits: bits + shares }));
  const staking = state.get(storage.StakingHotkeys, coldkey);
  if (!staking.includes(hotkey)) state.set(storage.StakingHotkeys, [coldkey], [...staking, hotkey]);
}

/** Adds alpha for everybody who stakes on a hotkey, by their parts: what dividends do. */
export function addPoolStake(state: State, hotkey: Account, netuid: number, alphaRao: bigint): void {
  if (alphaRao === 0n) return;
  if (state.get(storage.TotalHotkeyShares, hotkey, netuid).bits === 0n) {
    addStake(state, hotkey, state.get(storage.Owner, hotkey), netuid, alphaRao);
  } else state.update(storage.TotalHotkeyAlpha, [hotkey, netuid], (pool) => pool + alphaRao);
}

function removeStake(state: State, hotkey: Account, coldkey: Account, netuid: number, alphaRao: bigint): void {
  const pool = state.get(storage.TotalHotkeyAlpha, hotkey, netuid);
  const total = state.get(storage.TotalHotkeyShares, hotkey, netuid).bits;
  const own = state.get(storage.Alpha, hotkey, coldkey, netuid).bits;
  const all = alphaRao === stakeRao(state, hotkey, coldkey, netuid);
  const shares = all ? own : (alphaRao * total) / pool;
  state.set(storage.TotalHotkeyAlpha, [hotkey, netuid], pool - alphaRao);
  state.set(storage.TotalHotkeyShares, [hotkey, netuid], { bits: total - shares });
  state.set(storage.Alpha, [hotkey, coldkey, netuid], { bits: own - shares });
}

/** What a hotkey's stake weighs in consensus: alpha, and root TAO by TaoWeight / 2⁶⁴. Parents and children are not served. */
export interface StakeWeight {
  readonly alphaRao: bigint;
  readonly taoRao: bigint;
  readonly totalRao: bigint;
}

export function stakeWeight(state: StateView, hotkey: Account, netuid: number): StakeWeight {
  const alphaRao = state.get(storage.TotalHotkeyAlpha, hotkey, netuid);
  const rootRao = netuid === rootNetuid ? 0n : state.get(storage.TotalHotkeyAlpha, hotkey, rootNetuid);
  const taoRao = (rootRao * state.get(storage.TaoWeight)) >> 64n;
  return { alphaRao, taoRao, totalRao: alphaRao + taoRao };
}

/** Buys alpha of a subnet with a coldkey's TAO and stakes it on a hotkey. */
export function callAddStake(
  runtime: Runtime,
  coldkey: Account,
  { hotkey, netuid, amount_staked: taoRao }: { hotkey: Account; netuid: number; amount_staked: bigint },
): void {
  const { state } = runtime;
  if (!subnetExists(state, netuid)) throw subtensorFailure("SubnetNotExists");
  if (taoRao < stakeRaoMin) throw subtensorFailure("AmountTooLow");
  if (state.get(storage.Owner, hotkey) === zeroAccount) throw subtensorFailure("HotKeyAccountNotExists");
  if (!withdraw(runtime, coldkey, taoRao)) throw subtensorFailure("NotEnoughBalanceToStake");
  const alphaRao = alphaForTao(state, netuid, taoRao);
  if (alphaRao === 0n) throw subtensorFailure("InsufficientLiquidity");
  moveReserves(state, netuid, { taoRao, alphaRao: -alphaRao });
  state.update(storage.SubnetAlphaOut, [netuid], (out) => out + alphaRao);
  state.update(storage.TotalStake, [], (total) => total + taoRao);
  addStake(state, hotkey, coldkey, netuid, alphaRao);
  const value = [coldkey, hotkey, taoRao, alphaRao, netuid, 0n] as const;
  runtime.deposit({ type: "SubtensorModule", value: { type: "StakeAdded", value } });
}

/** Takes alpha back from a hotkey and sells it for TAO. */
export function callRemoveStake(
  runtime: Runtime,
  coldkey: Account,
  { hotkey, netuid, amount_unstaked: alphaRao }: { hotkey: Account; netuid: number; amount_unstaked: bigint },
): void {
  const { state } = runtime;
  if (!subnetExists(state, netuid)) throw subtensorFailure("SubnetNotExists");
  if (state.get(storage.Owner, hotkey) === zeroAccount) throw subtensorFailure("HotKeyAccountNotExists");
  if (stakeRao(state, hotkey, coldkey, netuid) < alphaRao) throw subtensorFailure("NotEnoughStakeToWithdraw");
  const taoRao = taoForAlpha(state, netuid, alphaRao);
  if (taoRao < stakeRaoMin) throw subtensorFailure("AmountTooLow");
  removeStake(state, hotkey, coldkey, netuid, alphaRao);
  moveReserves(state, netuid, { taoRao: -taoRao, alphaRao });
  state.update(storage.SubnetAlphaOut, [netuid], (out) => (out > alphaRao ? out - alphaRao : 0n));
  state.update(storage.TotalStake, [], (total) => (total > taoRao ? total - taoRao : 0n));
  deposit(runtime, coldkey, taoRao);
  const value = [coldkey, hotkey, taoRao, alphaRao, netuid, 0n] as const;
  runtime.deposit({ type: "SubtensorModule", value: { type: "StakeRemoved", value } });
}
