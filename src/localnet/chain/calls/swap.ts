/**
 * The price of a subnet's alpha: a constant-product pool without fee (the real runtime's pool is weighted and takes
 * one). Root stake is TAO itself.
 */
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { State, StateView } from "../state.ts";
import { rootNetuid } from "./neurons.ts";

/** TAO for one alpha, in rao of 10⁹. */
export function alphaPriceRao(state: StateView, netuid: number): bigint {
  const alphaRao = state.get(storage.SubnetAlphaIn, netuid);
  if (netuid === rootNetuid || alphaRao === 0n) return 1_000_000_000n;
  return (state.get(storage.SubnetTAO, netuid) * 1_000_000_000n) / alphaRao;
}

export function alphaForTao(state: StateView, netuid: number, taoRao: bigint): bigint {
  if (netuid === rootNetuid) return taoRao;
  const tao = state.get(storage.SubnetTAO, netuid);
  return (state.get(storage.SubnetAlphaIn, netuid) * taoRao) / (tao + taoRao);
}

export function taoForAlpha(state: StateView, netuid: number, alphaRao: bigint): bigint {
  if (netuid === rootNetuid) return alphaRao;
  const alpha = state.get(storage.SubnetAlphaIn, netuid);
  return (state.get(storage.SubnetTAO, netuid) * alphaRao) / (alpha + alphaRao);
}

/** Moves both reserves of the pool, and counts the TAO into its volume. */
export function moveReserves(
  state: State,
  netuid: number,
  by: { readonly taoRao: bigint; readonly alphaRao: bigint },
): void {
  state.update(storage.SubnetTAO, [netuid], (tao) => tao + by.taoRao);
  if (netuid === rootNetuid) return;
  state.update(storage.SubnetAlphaIn, [netuid], (alpha) => alpha + by.alphaRao);
  state.update(storage.SubnetVolume, [netuid], (volume) => volume + (by.taoRao < 0n ? -by.taoRao : by.taoRao));
}
