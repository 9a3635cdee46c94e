/** The first state: a funded faucet, one subnet, and validators that hold permits from the start. */

import { appendNeuron, rootNetuid } from "./calls/neurons.ts";
import { addStake, associate } from "./calls/stake.ts";
import { balancesStorage } from "./pallets/balances.ts";
import { subtensorStorage as storage } from "./pallets/subtensor-storage.ts";
import { systemStorage } from "./pallets/system.ts";
import type { State } from "./state.ts";
import { type Account, noAccount, type RuntimeVersion } from "./types/substrate.ts";

/** A neuron that exists from the first block on. */
export interface GenesisNeuron {
  readonly coldkey: Account;
  readonly hotkey: Account;
  /** Alpha of the subnet (at the price of one TAO) that the coldkey stakes on the hotkey. 0: a miner. */
  readonly stakeRao: bigint;
}

/** The subnet's parameters where they differ from a new subnet's; what is not given keeps the runtime's default. */
export interface SubnetParameters {
  readonly tempoBlocks: number;
  readonly immunityBlocks: number;
  readonly uidsMax: number;
  readonly validatorsMax: number;
  readonly weightsMin: number;
  readonly weightsRateLimitBlocks: number;
  readonly weightsVersionKey: bigint;
  readonly activityCutoffBlocks: number;
  readonly stakeThresholdRao: bigint;
  readonly commitReveal: boolean;
  readonly revealPeriodEpochs: number;
  readonly burnRao: bigint;
  readonly yuma3: boolean;
  readonly liquidAlpha: boolean;
  readonly mechanisms: number;
}

/** A new subnet of runtime 424, but with plain weights: offline nobody could open a commit made for the public beacon. */
export const newSubnet: SubnetParameters = {
  tempoBlocks: 360,
  immunityBlocks: 5000,
  uidsMax: 256,
  validatorsMax: 64,
  weightsMin: 1,
  weightsRateLimitBlocks: 100,
  weightsVersionKey: 0n,
  activityCutoffBlocks: 5000,
  stakeThresholdRao: 0n,
  commitReveal: false,
  revealPeriodEpochs: 1,
  burnRao: 1_000_000_000n,
  yuma3: true,
  liquidAlpha: false,
  mechanisms: 1,
};

export interface Genesis {
  readonly netuid: number;
  readonly subnetName: string;
  readonly owner: { readonly coldkey: Account; readonly hotkey: Account };
  readonly balances: readonly { readonly account: Account; readonly rao: bigint }[];
  readonly neurons: readonly GenesisNeuron[];
  readonly parameters: SubnetParameters;
}

const poolRao = 1_000_000_000_000n;
const noText = new Uint8Array();

export function writeGenesis(state: State, genesis: Genesis, version: RuntimeVersion): void {
  state.set(systemStorage.LastRuntimeUpgrade, [], { spec_version: version.spec_version, spec_name: version.spec_name });
  let issuance = 0n;
  for (const { account, rao } of genesis.balances) {
    state.set(systemStorage.Account, [account], { ...noAccount, providers: 1, data: { ...noAccount.data, free: rao } });
    issuance += rao;
  }
  state.set(balancesStorage.TotalIssuance, [], issuance);
  state.set(storage.TotalIssuance, [], issuance);
  state.set(storage.NetworksAdded, [rootNetuid], true);
  state.set(storage.SubtokenEnabled, [rootNetuid], true);
  state.set(storage.TotalNetworks, [], 2);
  writeSubnet(state, genesis);
  for (const neuron of genesis.neurons) writeNeuron(state, genesis, neuron);
}

function writeSubnet(state: State, { netuid, subnetName, owner, parameters }: Genesis): void {
  state.set(storage.NetworksAdded, [netuid], true);
  state.set(storage.SubtokenEnabled, [netuid], true);
  state.set(storage.FirstEmissionBlockNumber, [netuid], 1n);
  // Mechanism 1 is the dynamic one: alpha and a pool; 0 would be stake in plain TAO.
  state.set(storage.SubnetMechanism, [netuid], 1);
  state.set(storage.SubnetTAO, [netuid], poolRao);
  state.set(storage.SubnetAlphaIn, [netuid], poolRao);
  state.set(storage.TokenSymbol, [netuid], new TextEncoder().encode("α"));
  state.set(storage.SubnetMovingPrice, [netuid], { bits: 1n << 32n });
  state.set(storage.SubnetOwner, [netuid], owner.coldkey);
  state.set(storage.SubnetOwnerHotkey, [netuid], owner.hotkey);
  associate(state, owner.hotkey, owner.coldkey);
  state.set(storage.SubnetIdentitiesV3, [netuid], {
    subnet_name: new TextEncoder().encode(subnetName),
    github_repo: noText,
    subnet_contact: noText,
    subnet_url: noText,
    discord: noText,
    description: noText,
    logo_url: noText,
    additional: noText,
  });
  writeParameters(state, netuid, parameters);
}

function writeParameters(state: State, netuid: number, parameters: SubnetParameters): void {
  state.set(storage.Tempo, [netuid], parameters.tempoBlocks);
  state.set(storage.ImmunityPeriod, [netuid], parameters.immunityBlocks);
  state.set(storage.MaxAllowedUids, [netuid], parameters.uidsMax);
  state.set(storage.MaxAllowedValidators, [netuid], parameters.validatorsMax);
  state.set(storage.MinAllowedWeights, [netuid], parameters.weightsMin);
  state.set(storage.WeightsSetRateLimit, [netuid], BigInt(parameters.weightsRateLimitBlocks));
  state.set(storage.WeightsVersionKey, [netuid], parameters.weightsVersionKey);
  state.set(storage.ActivityCutoff, [netuid], parameters.activityCutoffBlocks);
  state.set(storage.StakeThreshold, [], parameters.stakeThresholdRao);
  state.set(storage.CommitRevealWeightsEnabled, [netuid], parameters.commitReveal);
  state.set(storage.RevealPeriodEpochs, [netuid], BigInt(parameters.revealPeriodEpochs));
  state.set(storage.Burn, [netuid], parameters.burnRao);
  state.set(storage.Yuma3On, [netuid], parameters.yuma3);
  state.set(storage.LiquidAlphaOn, [netuid], parameters.liquidAlpha);
  state.set(storage.MechanismCountCurrent, [netuid], parameters.mechanisms);
  state.set(storage.NetworkPowRegistrationAllowed, [netuid], false);
}

/** A validator with stake gets its permit now: otherwise nobody could set weights before the first epoch. */
function writeNeuron(state: State, { netuid }: Genesis, { coldkey, hotkey, stakeRao }: GenesisNeuron): void {
  associate(state, hotkey, coldkey);
  const uid = appendNeuron(state, netuid, hotkey, 0);
  if (stakeRao === 0n) return;
  addStake(state, hotkey, coldkey, netuid, stakeRao);
  state.update(storage.SubnetAlphaOut, [netuid], (out) => out + stakeRao);
  state.update(storage.TotalStake, [], (total) => total + stakeRao);
  state.update(storage.ValidatorPermit, [netuid], (column) => column.map((permit, at) => permit || at === uid));
}
