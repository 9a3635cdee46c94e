/** Subnets and their hyperparameters, as SubnetInfoRuntimeApi answers them. */
import { nextEpochBlock } from "../calls/epoch-clock.ts";
import { rootNetuid, subnetExists } from "../calls/neurons.ts";
import { subtensorStorage as storage } from "../pallets/subtensor-storage.ts";
import type { ValueOf } from "../scale/type.ts";
import type { StateView } from "../state.ts";
import type {
  dynamicInfo,
  hyperparamEntry,
  subnetHyperparams,
  subnetHyperparamsV2,
  subnetInfo,
  subnetState,
} from "../types/subnet.ts";
import { metagraphOf, neuronColumns } from "./metagraph.ts";

/** The subnets in the order of their numbers; the local chain has few. */
export function netuidsOf(state: StateView): number[] {
  const netuids: number[] = [];
  for (let netuid = 0; netuids.length < state.get(storage.TotalNetworks) && netuid < 4096; netuid++) {
    if (subnetExists(state, netuid)) netuids.push(netuid);
  }
  return netuids;
}

export function dynamicInfoOf(state: StateView, netuid: number, block: number): ValueOf<typeof dynamicInfo> | null {
  const whole = metagraphOf(state, netuid, 0, block);
  if (whole === null) return null;
  return {
    ...whole,
    subnet_name: whole.name,
    token_symbol: whole.symbol,
    emission: 0n,
    subnet_identity: whole.identity,
  };
}

export function subnetInfoOf(state: StateView, netuid: number): ValueOf<typeof subnetInfo> | null {
  if (!subnetExists(state, netuid)) return null;
  return {
    netuid,
    rho: state.get(storage.Rho, netuid),
    kappa: state.get(storage.Kappa, netuid),
    difficulty: state.get(storage.Difficulty, netuid),
    immunity_period: state.get(storage.ImmunityPeriod, netuid),
    max_allowed_validators: state.get(storage.MaxAllowedValidators, netuid),
    min_allowed_weights: state.get(storage.MinAllowedWeights, netuid),
    max_weights_limit: state.get(storage.MaxWeightsLimit, netuid),
    scaling_law_power: 50,
    subnetwork_n: state.get(storage.SubnetworkN, netuid),
    max_allowed_uids: state.get(storage.MaxAllowedUids, netuid),
    blocks_since_last_step: state.get(storage.BlocksSinceLastStep, netuid),
    tempo: state.get(storage.Tempo, netuid),
    network_modality: 0,
    network_connect: [],
    emission_value: 0n,
    burn: state.get(storage.Burn, netuid),
    owner: state.get(storage.SubnetOwner, netuid),
    identity: state.get(storage.SubnetIdentitiesV3, netuid) ?? null,
  };
}

export function subnetStateOf(state: StateView, netuid: number): ValueOf<typeof subnetState> | null {
  if (!subnetExists(state, netuid)) return null;
  const columns = neuronColumns(state, netuid, 0);
  return { netuid, ...columns, emission_history: [columns.emission] };
}

export function hyperparamsOf(state: StateView, netuid: number): ValueOf<typeof subnetHyperparams> | null {
  if (!subnetExists(state, netuid)) return null;
  const whole = metagraphOf(state, netuid, 0, 0)!;
  return { ...whole, bonds_moving_avg: whole.bonds_moving_avg };
}

export function hyperparamsV2Of(state: StateView, netuid: number): ValueOf<typeof subnetHyperparamsV2> | null {
  const base = hyperparamsOf(state, netuid);
  if (base === null) return null;
  return {
    ...base,
    alpha_sigmoid_steepness: { bits: BigInt(state.get(storage.AlphaSigmoidSteepness, netuid)) << 32n },
    yuma_version: state.get(storage.Yuma3On, netuid) ? 3 : 2,
    subnet_is_active: state.get(storage.SubtokenEnabled, netuid),
    transfers_enabled: true,
    bonds_reset_enabled: state.get(storage.BondsResetOn, netuid),
    user_liquidity_enabled: false,
  };
}

type Entry = ValueOf<typeof hyperparamEntry>;

/** Every hyperparameter by name, with the kind of its value. */
export function hyperparamsV3Of(state: StateView, netuid: number): Entry[] | null {
  const all = hyperparamsV2Of(state, netuid);
  if (all === null) return null;
  const names = [...v3Names, "alpha_sigmoid_steepness"] as const;
  return names.map((name): Entry => ({ name: new TextEncoder().encode(name), value: kindOf(name, all[name]) }));
}

const v3Names = [
  "rho",
  "kappa",
  "immunity_period",
  "min_allowed_weights",
  "max_weights_limit",
  "tempo",
  "min_difficulty",
  "max_difficulty",
  "weights_version",
  "weights_rate_limit",
  "adjustment_interval",
  "activity_cutoff",
  "registration_allowed",
  "target_regs_per_interval",
  "min_burn",
  "max_burn",
  "bonds_moving_avg",
  "max_regs_per_block",
  "serving_rate_limit",
  "max_validators",
  "adjustment_alpha",
  "difficulty",
  "commit_reveal_period",
  "commit_reveal_weights_enabled",
  "alpha_high",
  "alpha_low",
  "liquid_alpha_enabled",
  "yuma_version",
  "subnet_is_active",
  "transfers_enabled",
  "bonds_reset_enabled",
  "user_liquidity_enabled",
] as const;

function kindOf(name: string, value: number | bigint | boolean | { readonly bits: bigint }): Entry["value"] {
  if (typeof value === "boolean") return { type: "Bool", value };
  if (typeof value === "number") return { type: "U16", value };
  if (typeof value === "object") return { type: "I32F32", value };
  return name.endsWith("_burn") ? { type: "TaoBalance", value } : { type: "U64", value };
}

export function nextEpochOf(state: StateView, netuid: number, block: number): bigint | null {
  if (!subnetExists(state, netuid) || netuid === rootNetuid) return null;
  const next = nextEpochBlock(state, netuid, block);
  return next === undefined ? null : BigInt(next);
}
