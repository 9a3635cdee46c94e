/** A subnet's rules as the chain holds them. Blocks and counts as numbers, amounts in rao and keys as bigints. */
import type { Block, BlockHash, Hotkey, Netuid } from "../subnet.ts";
import { encodeSs58 } from "./keypair.ts";
import type { Link } from "./link.ts";
import { noSubnet } from "./metagraph.ts";
import type { Plain } from "./plain.ts";
import { type Item, Snapshot } from "./snapshot.ts";

export interface Hyperparameters {
  readonly netuid: Netuid;
  readonly block: Block;
  readonly tempo: number;
  /** Blocks that must lie between two weight settings of one neuron. */
  readonly weightsRateLimit: number;
  readonly commitRevealEnabled: boolean;
  /** The version that a timelocked commit must name. */
  readonly commitRevealVersion: number;
  readonly revealPeriodEpochs: number;
  readonly versionKey: bigint;
  readonly minAllowedWeights: number;
  /** The largest share that one weight may have, as u16; 65535 is no limit. */
  readonly maxWeightsLimit: number;
  /** Blocks after which a neuron that set no weights counts as inactive. */
  readonly activityCutoff: number;
  readonly immunityPeriod: number;
  readonly maxAllowedUids: number;
  readonly maxAllowedValidators: number;
  readonly neurons: number;
  readonly mechanisms: number;
  readonly registrationAllowed: boolean;
  readonly burnRao: bigint;
  /** Stake weight in rao under which weights are refused. */
  readonly stakeThresholdRao: bigint;
  readonly kappa: number;
  readonly ownerHotkey: Hotkey | null;
}

/** What the chain reads as where no account is stored: 32 zero bytes. */
const nobody = encodeSs58(new Uint8Array(32));

const perSubnet = {
  tempo: "Tempo",
  weightsRateLimit: "WeightsSetRateLimit",
  commitRevealEnabled: "CommitRevealWeightsEnabled",
  revealPeriodEpochs: "RevealPeriodEpochs",
  versionKey: "WeightsVersionKey",
  minAllowedWeights: "MinAllowedWeights",
  maxWeightsLimit: "MaxWeightsLimit",
  activityCutoff: "ActivityCutoff",
  immunityPeriod: "ImmunityPeriod",
  maxAllowedUids: "MaxAllowedUids",
  maxAllowedValidators: "MaxAllowedValidators",
  neurons: "SubnetworkN",
  registrationAllowed: "NetworkRegistrationAllowed",
  burn: "Burn",
  kappa: "Kappa",
  // These three came later than spec 219; where they are missing the older rule holds.
  activityFactor: "ActivityCutoffFactorMilli",
  mechanisms: "MechanismCountCurrent",
  ownerHotkey: "SubnetOwnerHotkey",
} as const;

/** Throws `OperatorError` when the chain has no such subnet. */
export async function readHyperparameters(link: Link, netuid: Netuid, at?: BlockHash): Promise<Hyperparameters> {
  return await hyperparametersAt(await Snapshot.at(link, at), netuid);
}

/** The same from a snapshot, in one request. */
export async function hyperparametersAt(snapshot: Snapshot, netuid: Netuid): Promise<Hyperparameters> {
  const names = Object.entries(perSubnet).map(([name, item]) => [name, [`SubtensorModule.${item}`, netuid]] as const);
  const found = await readNamed(snapshot, {
    added: ["SubtensorModule.NetworksAdded", netuid],
    stakeThreshold: ["SubtensorModule.StakeThreshold"],
    commitRevealVersion: ["SubtensorModule.CommitRevealWeightsVersion"],
    ...(Object.fromEntries(names) as unknown as Readonly<Record<keyof typeof perSubnet, Item>>),
  });
  if (found.added !== true) throw noSubnet(netuid);
  const tempo = Number(found.tempo);
  return {
    netuid,
    block: snapshot.block,
    tempo,
    weightsRateLimit: Number(found.weightsRateLimit),
    commitRevealEnabled: found.commitRevealEnabled === true,
    commitRevealVersion: Number(found.commitRevealVersion ?? 0),
    revealPeriodEpochs: Number(found.revealPeriodEpochs),
    versionKey: found.versionKey as bigint,
    minAllowedWeights: Number(found.minAllowedWeights),
    maxWeightsLimit: Number(found.maxWeightsLimit),
    activityCutoff:
      found.activityFactor === null
        ? Number(found.activityCutoff)
        : Math.floor((Number(found.activityFactor) * tempo) / 1000),
    immunityPeriod: Number(found.immunityPeriod),
    maxAllowedUids: Number(found.maxAllowedUids),
    maxAllowedValidators: Number(found.maxAllowedValidators),
    neurons: Number(found.neurons),
    mechanisms: Number(found.mechanisms ?? 1),
    registrationAllowed: found.registrationAllowed === true,
    burnRao: found.burn as bigint,
    // Spec 218 has no threshold.
    stakeThresholdRao: (found.stakeThreshold as bigint | null | undefined) ?? 0n,
    kappa: Number(found.kappa),
    ownerHotkey: found.ownerHotkey === nobody ? null : (found.ownerHotkey as Hotkey | null),
  };
}

/** Named values in one request; those that this runtime does not have are null. */
export async function readNamed<K extends string>(
  snapshot: Snapshot,
  items: Readonly<Record<K, Item>>,
): Promise<Readonly<Record<K, Plain>>> {
  const names = (Object.keys(items) as K[]).filter((name) => snapshot.has(items[name][0]));
  const values = await snapshot.values(names.map((name) => items[name]));
  const found = Object.fromEntries(names.map((name, index) => [name, values[index]]));
  return Object.fromEntries(Object.keys(items).map((name) => [name, found[name] ?? null])) as Record<K, Plain>;
}
