/** Registration by burn: its price, and whose place a newcomer takes when all uids are in use. */
import { subtensorFailure } from "../pallets/failures.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { Runtime } from "../runtime.ts";
import type { State, StateView } from "../state.ts";
import { type Account, zeroAccount } from "../types/substrate.ts";
import { withdraw } from "./accounts.ts";
import { appendNeuron, replaceNeuron, rootNetuid, subnetExists } from "./neurons.ts";
import { associate } from "./stake.ts";
import { alphaForTao, moveReserves } from "./swap.ts";

export interface RegistrationCall {
  readonly netuid: number;
  readonly hotkey: Account;
  /** The highest price that the caller accepts, rao. */
  readonly limitRao?: bigint;
}

/** Registers a hotkey for a coldkey that pays the burn. */
export function register(runtime: Runtime, coldkey: Account, { netuid, hotkey, limitRao }: RegistrationCall): void {
  const { state } = runtime;
  if (netuid === rootNetuid) throw subtensorFailure("RegistrationNotPermittedOnRootSubnet");
  if (!subnetExists(state, netuid)) throw subtensorFailure("SubnetNotExists");
  if (!state.get(storage.NetworkRegistrationAllowed, netuid)) throw subtensorFailure("SubNetRegistrationDisabled");
  if (state.get(storage.Uids, netuid, hotkey) !== undefined) throw subtensorFailure("HotKeyAlreadyRegisteredInSubNet");
  const owner = state.get(storage.Owner, hotkey);
  if (owner !== zeroAccount && owner !== coldkey) throw subtensorFailure("NonAssociatedColdKey");
  const burnRao = state.get(storage.Burn, netuid);
  if (limitRao !== undefined && burnRao > limitRao) throw subtensorFailure("RegistrationPriceLimitExceeded");
  if (!withdraw(runtime, coldkey, burnRao)) throw subtensorFailure("NotEnoughBalanceToStake");
  associate(state, hotkey, coldkey);
  const uid = takeSeat(runtime, netuid, hotkey);
  burnAlpha(state, netuid, burnRao);
  raiseBurn(state, netuid);
  state.update(storage.RegistrationsThisInterval, [netuid], (count) => count + 1);
  runtime.deposit({ type: "SubtensorModule", value: { type: "NeuronRegistered", value: [netuid, uid, hotkey] } });
}

function takeSeat({ state, block }: Runtime, netuid: number, hotkey: Account): number {
  if (state.get(storage.SubnetworkN, netuid) < state.get(storage.MaxAllowedUids, netuid)) {
    return appendNeuron(state, netuid, hotkey, block);
  }
  const uid = replaceable(state, netuid, block);
  if (uid === undefined) throw subtensorFailure("NoNeuronIdAvailable");
  replaceNeuron(state, netuid, uid, hotkey, block);
  return uid;
}

/** The lowest emission outside immunity, then the oldest, then the lowest uid; the owner's hotkey stays. */
function replaceable(state: StateView, netuid: number, block: number): number | undefined {
  const emission = state.get(storage.Emission, netuid);
  const immunity = state.get(storage.ImmunityPeriod, netuid);
  const owner = state.get(storage.SubnetOwnerHotkey, netuid);
  let best: { uid: number; emission: bigint; since: bigint } | undefined;
  for (let uid = 0; uid < emission.length; uid++) {
    const since = state.get(storage.BlockAtRegistration, netuid, uid);
    if (BigInt(block) - since < BigInt(immunity) || state.get(storage.Keys, netuid, uid) === owner) continue;
    const mine = emission[uid]!;
    if (best === undefined || mine < best.emission || (mine === best.emission && since < best.since)) {
      best = { uid, emission: mine, since };
    }
  }
  return best?.uid;
}

/** The TAO of a registration buys alpha from the pool, and that alpha is gone. */
function burnAlpha(state: State, netuid: number, burnRao: bigint): void {
  moveReserves(state, netuid, { taoRao: burnRao, alphaRao: -alphaForTao(state, netuid, burnRao) });
  state.update(storage.RAORecycledForRegistration, [netuid], (total) => total + burnRao);
}

function raiseBurn(state: State, netuid: number): void {
  const { bits } = state.get(storage.BurnIncreaseMult, netuid);
  setBurn(state, netuid, (state.get(storage.Burn, netuid) * bits) >> 64n);
}

/** Lets the price fall by what one block is of its half-life. */
export function decayBurn(state: State, netuid: number): void {
  const halfLife = state.get(storage.BurnHalfLife, netuid);
  if (halfLife === 0) return;
  const before = state.get(storage.Burn, netuid);
  setBurn(state, netuid, BigInt(Math.floor(Number(before) * 2 ** (-1 / halfLife))));
}

function setBurn(state: State, netuid: number, burnRao: bigint): void {
  const min = state.get(storage.MinBurn, netuid);
  const max = state.get(storage.MaxBurn, netuid);
  const clamped = burnRao < min ? min : burnRao > max ? max : burnRao;
  if (clamped !== state.get(storage.Burn, netuid)) state.set(storage.Burn, [netuid], clamped);
}
