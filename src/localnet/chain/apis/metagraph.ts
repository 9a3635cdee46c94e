/** The metagraph of a subnet, whole or by columns, as the runtime answers it. */
import { indexOf, subnetExists } from "../calls/neurons.ts";
import { stakeWeight } from "../calls/stake.ts";
import { commitmentsStorage } from "../pallets/commitments.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import { encode, type ValueOf } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import { commitmentInfo } from "../types/commitment.ts";
import { type axonInfo, type metagraph, selectiveColumns, type selectiveMetagraph } from "../types/subnet.ts";
import type { Account } from "../types/substrate.ts";

export type Metagraph = ValueOf<typeof metagraph>;
export const noAxon: ValueOf<typeof axonInfo> = {
  block: 0n,
  version: 0,
  ip: 0n,
  port: 0,
  ip_type: 0,
  protocol: 0,
  placeholder1: 0,
  placeholder2: 0,
};
const noText = new Uint8Array();

/** The accounts of a subnet by uid. */
export function hotkeysOf(state: StateView, netuid: number): Account[] {
  return Array.from({ length: state.get(storage.SubnetworkN, netuid) }, (_, uid) =>
    state.get(storage.Keys, netuid, uid),
  );
}

/** Null for a subnet or a mechanism that does not exist. */
export function metagraphOf(state: StateView, netuid: number, mechanism: number, block: number): Metagraph | null {
  if (!subnetExists(state, netuid) || mechanism >= state.get(storage.MechanismCountCurrent, netuid)) return null;
  return { ...subnetColumns(state, netuid, block), ...neuronColumns(state, netuid, mechanism) };
}

function subnetColumns(state: StateView, netuid: number, block: number) {
  const identity = state.get(storage.SubnetIdentitiesV3, netuid) ?? null;
  const pendingAlpha =
    state.get(storage.PendingServerEmission, netuid) + state.get(storage.PendingValidatorEmission, netuid);
  return {
    netuid,
    name: [...(identity?.subnet_name ?? noText)],
    symbol: [...state.get(storage.TokenSymbol, netuid)],
    identity,
    network_registered_at: state.get(storage.NetworkRegisteredAt, netuid),
    owner_hotkey: state.get(storage.SubnetOwnerHotkey, netuid),
    owner_coldkey: state.get(storage.SubnetOwner, netuid),
    block: BigInt(block),
    tempo: state.get(storage.Tempo, netuid),
    last_step: state.get(storage.LastMechansimStepBlock, netuid),
    blocks_since_last_step: state.get(storage.BlocksSinceLastStep, netuid),
    subnet_emission: 0n,
    alpha_in: state.get(storage.SubnetAlphaIn, netuid),
    alpha_out: state.get(storage.SubnetAlphaOut, netuid),
    tao_in: state.get(storage.SubnetTAO, netuid),
    alpha_out_emission: state.get(storage.SubnetAlphaOutEmission, netuid),
    alpha_in_emission: state.get(storage.SubnetAlphaInEmission, netuid),
    tao_in_emission: state.get(storage.SubnetTaoInEmission, netuid),
    pending_alpha_emission: pendingAlpha,
    pending_root_emission: 0n,
    subnet_volume: state.get(storage.SubnetVolume, netuid),
    moving_price: state.get(storage.SubnetMovingPrice, netuid),
    ...parameterColumns(state, netuid),
    ...registrationColumns(state, netuid),
  };
}

function parameterColumns(state: StateView, netuid: number) {
  const [alpha_low, alpha_high] = state.get(storage.AlphaValues, netuid);
  return {
    rho: state.get(storage.Rho, netuid),
    kappa: state.get(storage.Kappa, netuid),
    min_allowed_weights: state.get(storage.MinAllowedWeights, netuid),
    max_weights_limit: state.get(storage.MaxWeightsLimit, netuid),
    weights_version: state.get(storage.WeightsVersionKey, netuid),
    weights_rate_limit: state.get(storage.WeightsSetRateLimit, netuid),
    activity_cutoff: BigInt(state.get(storage.ActivityCutoff, netuid)),
    max_validators: state.get(storage.MaxAllowedValidators, netuid),
    commit_reveal_weights_enabled: state.get(storage.CommitRevealWeightsEnabled, netuid),
    commit_reveal_period: state.get(storage.RevealPeriodEpochs, netuid),
    liquid_alpha_enabled: state.get(storage.LiquidAlphaOn, netuid),
    alpha_high,
    alpha_low,
    bonds_moving_avg: state.get(storage.BondsMovingAverage, netuid),
  };
}

function registrationColumns(state: StateView, netuid: number) {
  return {
    num_uids: state.get(storage.SubnetworkN, netuid),
    max_uids: state.get(storage.MaxAllowedUids, netuid),
    burn: state.get(storage.Burn, netuid),
    difficulty: state.get(storage.Difficulty, netuid),
    registration_allowed: state.get(storage.NetworkRegistrationAllowed, netuid),
    pow_registration_allowed: state.get(storage.NetworkPowRegistrationAllowed, netuid),
    immunity_period: state.get(storage.ImmunityPeriod, netuid),
    min_difficulty: state.get(storage.MinDifficulty, netuid),
    max_difficulty: state.get(storage.MaxDifficulty, netuid),
    min_burn: state.get(storage.MinBurn, netuid),
    max_burn: state.get(storage.MaxBurn, netuid),
    adjustment_alpha: state.get(storage.AdjustmentAlpha, netuid),
    adjustment_interval: state.get(storage.AdjustmentInterval, netuid),
    target_regs_per_interval: state.get(storage.TargetRegistrationsPerInterval, netuid),
    max_regs_per_block: state.get(storage.MaxRegistrationsPerBlock, netuid),
    serving_rate_limit: state.get(storage.ServingRateLimit, netuid),
  };
}

/** Columns by uid that several answers share. Rank, trust and pruning score are gone from the runtime: zeros. */
export function neuronColumns(state: StateView, netuid: number, mechanism: number) {
  const index = indexOf(netuid, mechanism);
  const hotkeys = hotkeysOf(state, netuid);
  const stakes = hotkeys.map((hotkey) => stakeWeight(state, hotkey, netuid));
  const zeros = hotkeys.map(() => 0);
  const dividends = hotkeys.map(
    (hotkey) => [hotkey, state.get(storage.AlphaDividendsPerSubnet, netuid, hotkey)] as const,
  );
  return {
    hotkeys,
    coldkeys: hotkeys.map((hotkey) => state.get(storage.Owner, hotkey)),
    identities: hotkeys.map((hotkey) => state.get(storage.IdentitiesV2, state.get(storage.Owner, hotkey)) ?? null),
    axons: hotkeys.map((hotkey) => state.get(storage.Axons, netuid, hotkey) ?? noAxon),
    active: state.get(storage.Active, netuid),
    validator_permit: state.get(storage.ValidatorPermit, netuid),
    pruning_score: zeros,
    last_update: state.get(storage.LastUpdate, index),
    emission: state.get(storage.Emission, netuid),
    dividends: state.get(storage.Dividends, netuid),
    incentives: state.get(storage.Incentive, index),
    consensus: state.get(storage.Consensus, netuid),
    trust: zeros,
    rank: zeros,
    block_at_registration: hotkeys.map((_, uid) => state.get(storage.BlockAtRegistration, netuid, uid)),
    alpha_stake: stakes.map(({ alphaRao }) => alphaRao),
    tao_stake: stakes.map(({ taoRao }) => taoRao),
    total_stake: stakes.map(({ totalRao }) => totalRao),
    tao_dividends_per_hotkey: [],
    alpha_dividends_per_hotkey: dividends.filter(([, rao]) => rao > 0n),
  };
}

/** Only the columns asked for by number; the others are None. */
export function selectiveMetagraphOf(
  state: StateView,
  {
    netuid,
    mechanism,
    columns,
    block,
  }: { netuid: number; mechanism: number; columns: readonly number[]; block: number },
): ValueOf<typeof selectiveMetagraph> | null {
  const whole = metagraphOf(state, netuid, mechanism, block);
  if (whole === null) return null;
  const all: Readonly<Record<string, unknown>> = {
    ...whole,
    validators: whole.validator_permit.flatMap((permit, uid) => (permit ? [uid] : [])),
    commitments: commitmentBytes(state, netuid, whole.hotkeys),
  };
  const wanted = new Set(columns.map((column) => selectiveColumns[column]));
  const picked = Object.fromEntries(selectiveColumns.map((name) => [name, wanted.has(name) ? all[name] : null]));
  return { ...picked, netuid } as ValueOf<typeof selectiveMetagraph>;
}

function commitmentBytes(state: StateView, netuid: number, hotkeys: readonly Account[]) {
  return hotkeys.flatMap((hotkey) => {
    const registration = state.get(commitmentsStorage.CommitmentOf, netuid, hotkey);
    return registration === undefined ? [] : [[hotkey, [...encode(commitmentInfo, registration.info)]] as const];
  });
}
