/**
 * What happens in every block before its extrinsics: the beacon signs, what was locked for it opens, emission flows into
 * the subnets, and a subnet whose tempo has passed runs its epoch and pays. Root's share of dividends is not served: a local chain pays alpha only.
 */
import { runEpoch } from "../../consensus/epoch.ts";
import type { EpochInput, EpochNeuron } from "../../consensus/epoch-input.ts";
import type { LocalBeacon } from "./beacon.ts";
import { fires } from "./calls/epoch-clock.ts";
import { indexOf, indicesOf, rootNetuid } from "./calls/neurons.ts";
import { decayBurn } from "./calls/registration.ts";
import { addPoolStake, addStake, stakeWeight } from "./calls/stake.ts";
import { alphaPriceRao } from "./calls/swap.ts";
import { earliestCommitBlock, revealCommitments, revealWeights, wantedRounds } from "./calls/timelock.ts";
import { subtensorStorage as storage } from "./pallets/subtensor-storage.ts";
import type { Runtime } from "./runtime.ts";
import type { State } from "./state.ts";
import type { Account } from "./types/substrate.ts";
import { zeroAccount } from "./types/substrate.ts";

/** Alpha that a subnet emits in a block, rao. */
const alphaEmissionRao = 1_000_000_000n;
const u16Max = 65_535n;

export function coinbase(runtime: Runtime, beacon: LocalBeacon): void {
  const netuids = payingNetuids(runtime.state);
  beacon.pulse(runtime, wantedRounds(runtime.state, netuids));
  revealCommitments(runtime);
  for (const netuid of netuids) {
    emit(runtime.state, netuid, netuids.length);
    decayBurn(runtime.state, netuid);
    revealWeights(runtime, netuid);
    stepEpoch(runtime, netuid);
  }
}

function payingNetuids(state: State): number[] {
  return state
    .entries(storage.NetworksAdded)
    .flatMap(([netuid, added]) => (added && netuid !== rootNetuid ? [netuid] : []));
}

/** One block's TAO goes into the pool with as much alpha as keeps the price; another alpha is set aside to be paid. */
function emit(state: State, netuid: number, subnets: number): void {
  const taoRao = state.get(storage.BlockEmission) / BigInt(subnets);
  const price = alphaPriceRao(state, netuid);
  const matching = (taoRao * 1_000_000_000n) / price;
  const alphaInRao = matching < alphaEmissionRao ? matching : alphaEmissionRao;
  state.update(storage.SubnetTAO, [netuid], (tao) => tao + taoRao);
  state.update(storage.SubnetAlphaIn, [netuid], (alpha) => alpha + alphaInRao);
  state.update(storage.SubnetAlphaOut, [netuid], (alpha) => alpha + alphaEmissionRao);
  state.set(storage.SubnetTaoInEmission, [netuid], taoRao);
  state.set(storage.SubnetAlphaInEmission, [netuid], alphaInRao);
  state.set(storage.SubnetAlphaOutEmission, [netuid], alphaEmissionRao);
  state.update(storage.TotalIssuance, [], (total) => total + taoRao);
  const ownerRao = (alphaEmissionRao * BigInt(state.get(storage.SubnetOwnerCut))) / u16Max;
  const serverRao = (alphaEmissionRao - ownerRao) / 2n;
  const validatorRao = alphaEmissionRao - ownerRao - serverRao;
  state.update(storage.PendingOwnerCut, [netuid], (pending) => pending + ownerRao);
  state.update(storage.PendingServerEmission, [netuid], (pending) => pending + serverRao);
  state.update(storage.PendingValidatorEmission, [netuid], (pending) => pending + validatorRao);
}

function stepEpoch(runtime: Runtime, netuid: number): void {
  const { state, block } = runtime;
  if (!fires(state, netuid, block)) {
    state.update(storage.BlocksSinceLastStep, [netuid], (blocks) => blocks + 1n);
    return;
  }
  payEpoch(runtime, netuid);
  state.set(storage.LastEpochBlock, [netuid], BigInt(block));
  state.set(storage.LastMechansimStepBlock, [netuid], BigInt(block));
  state.set(storage.BlocksSinceLastStep, [netuid], 0n);
  state.set(storage.PendingEpochAt, [netuid], 0n);
  state.set(storage.RegistrationsThisInterval, [netuid], 0);
  state.update(storage.SubnetEpochIndex, [netuid], (index) => index + 1n);
}

/** Runs Yuma for every mechanism, stores its columns and pays what was pending. */
function payEpoch(runtime: Runtime, netuid: number): void {
  const { state } = runtime;
  const serverRao = drain(state, storage.PendingServerEmission, netuid);
  const validatorRao = drain(state, storage.PendingValidatorEmission, netuid);
  const ownerRao = drain(state, storage.PendingOwnerCut, netuid);
  const count = state.get(storage.SubnetworkN, netuid);
  const earnings = { server: new Array<bigint>(count).fill(0n), validator: new Array<bigint>(count).fill(0n) };
  const emission = new Array<bigint>(count).fill(0n);
  for (const [mechanism, share] of mechanismShares(state, netuid, serverRao + validatorRao).entries()) {
    const output = runEpoch(epochInput(runtime, netuid, mechanism, share));
    storeEpoch(state, netuid, mechanism, output);
    for (let uid = 0; uid < count; uid++) {
      earnings.server[uid]! += output.emission.serverRao[uid]!;
      earnings.validator[uid]! += output.emission.validatorRao[uid]!;
      emission[uid]! += output.emission.totalRao[uid]!;
    }
  }
  state.set(storage.Emission, [netuid], emission);
  payOwner(state, netuid, ownerRao);
  payMiners(runtime, netuid, earnings.server, serverRao);
  payValidators(
    state,
    netuid,
    earnings.validator,
    earnings.server.some((rao) => rao > 0n) ? validatorRao : serverRao + validatorRao,
  );
}

function drain(state: State, entry: typeof storage.PendingOwnerCut, netuid: number): bigint {
  const pending = state.get(entry, netuid);
  state.set(entry, [netuid], 0n);
  return pending;
}

/** Each mechanism's part of the emission: even unless the subnet says otherwise. */
function mechanismShares(state: State, netuid: number, totalRao: bigint): bigint[] {
  const indices = indicesOf(state, netuid);
  const split = state.get(storage.MechanismEmissionSplit, netuid);
  if (split === undefined || split.length !== indices.length)
    return indices.map(() => totalRao / BigInt(indices.length));
  return split.map((part) => (totalRao * BigInt(part)) / u16Max);
}

function epochInput({ state, block }: Runtime, netuid: number, mechanism: number, emissionRao: bigint): EpochInput {
  const index = indexOf(netuid, mechanism);
  const lastUpdate = state.get(storage.LastUpdate, index);
  const permits = state.get(storage.ValidatorPermit, netuid);
  const hotkeys = permits.map((_, uid) => state.get(storage.Keys, netuid, uid));
  const owner = state.get(storage.SubnetOwnerHotkey, netuid);
  const commitReveal = state.get(storage.CommitRevealWeightsEnabled, netuid);
  const neurons = hotkeys.map((hotkey, uid): EpochNeuron => {
    const { alphaRao } = stakeWeight(state, hotkey, netuid);
    const rootRao = state.get(storage.TotalHotkeyAlpha, hotkey, rootNetuid);
    return {
      stake: (alphaRao << 64n) + rootRao * state.get(storage.TaoWeight),
      lastUpdateBlock: Number(lastUpdate[uid]),
      registrationBlock: Number(state.get(storage.BlockAtRegistration, netuid, uid)),
      validatorPermit: permits[uid]!,
      commitBlock: commitReveal ? earliestCommitBlock(state, index, hotkey, block) : undefined,
    };
  });
  return {
    block,
    tempoBlocks: state.get(storage.Tempo, netuid),
    lastStepBlock: Number(state.get(storage.LastMechansimStepBlock, netuid)),
    owner: state.get(storage.Uids, netuid, owner),
    emissionRao,
    parameters: epochParameters(state, netuid),
    neurons,
    weights: neurons.map((_, uid) => state.get(storage.Weights, index, uid)),
    bonds: neurons.map((_, uid) => state.get(storage.Bonds, index, uid)),
  };
}

function epochParameters(state: State, netuid: number): EpochInput["parameters"] {
  const [low, high] = state.get(storage.AlphaValues, netuid);
  const steepness = state.get(storage.AlphaSigmoidSteepness, netuid);
  return {
    kappa: state.get(storage.Kappa, netuid),
    bondsPenalty: state.get(storage.BondsPenalty, netuid),
    bondsMovingAverage: Number(state.get(storage.BondsMovingAverage, netuid)),
    validatorsMax: state.get(storage.MaxAllowedValidators, netuid),
    activityCutoffBlocks: state.get(storage.ActivityCutoff, netuid),
    stakeThresholdRao: state.get(storage.StakeThreshold),
    yuma: state.get(storage.Yuma3On, netuid) ? 3 : 2,
    liquidAlpha: state.get(storage.LiquidAlphaOn, netuid) ? { low, high, steepness } : undefined,
    commitReveal: state.get(storage.CommitRevealWeightsEnabled, netuid),
  };
}

function storeEpoch(state: State, netuid: number, mechanism: number, output: ReturnType<typeof runEpoch>): void {
  const index = indexOf(netuid, mechanism);
  state.set(storage.Incentive, [index], [...output.incentive]);
  for (const [uid, row] of output.bonds.entries()) setRow(state, index, uid, row);
  // Like the runtime, the columns that are not kept for each mechanism are those of the last one.
  state.set(storage.Active, [netuid], output.active);
  state.set(storage.ValidatorPermit, [netuid], output.permits);
  state.set(storage.Consensus, [netuid], [...output.consensus]);
  state.set(storage.ValidatorTrust, [netuid], [...output.validatorTrust]);
  state.set(storage.Dividends, [netuid], [...output.dividends]);
}

function setRow(state: State, index: number, uid: number, row: readonly (readonly [number, number])[]): void {
  if (row.length > 0) state.set(storage.Bonds, [index, uid], row);
  else if (state.get(storage.Bonds, index, uid).length > 0) state.remove(storage.Bonds, [index, uid]);
}

function payOwner(state: State, netuid: number, rao: bigint): void {
  const hotkey = state.get(storage.SubnetOwnerHotkey, netuid);
  if (hotkey !== zeroAccount) addStake(state, hotkey, state.get(storage.SubnetOwner, netuid), netuid, rao);
}

/** Incentive becomes stake of the miner's own coldkey. The owner's hotkey is not paid for mining its own subnet. */
function payMiners(runtime: Runtime, netuid: number, shares: readonly bigint[], totalRao: bigint): void {
  const { state } = runtime;
  const owner = state.get(storage.SubnetOwnerHotkey, netuid);
  const paid = splitBy(shares, totalRao);
  for (const [uid, rao] of paid.entries()) {
    const hotkey = state.get(storage.Keys, netuid, uid);
    if (rao > 0n && hotkey !== owner) addStake(state, hotkey, state.get(storage.Owner, hotkey), netuid, rao);
  }
  runtime.deposit({
    type: "SubtensorModule",
    value: { type: "IncentiveAlphaEmittedToMiners", value: { netuid, emissions: paid } },
  });
}

/** Dividends: the delegate's take to its owner, the rest to everybody who stakes on the hotkey. */
function payValidators(state: State, netuid: number, shares: readonly bigint[], totalRao: bigint): void {
  const before = state.entries(storage.AlphaDividendsPerSubnet, netuid);
  for (const [hotkey] of before) state.remove(storage.AlphaDividendsPerSubnet, [netuid, hotkey as Account]);
  for (const [uid, rao] of splitBy(shares, totalRao).entries()) {
    if (rao === 0n) continue;
    const hotkey = state.get(storage.Keys, netuid, uid);
    const takeRao = (rao * BigInt(state.get(storage.Delegates, hotkey))) / u16Max;
    addStake(state, hotkey, state.get(storage.Owner, hotkey), netuid, takeRao);
    addPoolStake(state, hotkey, netuid, rao - takeRao);
    state.set(storage.AlphaDividendsPerSubnet, [netuid, hotkey], rao - takeRao);
  }
}

function splitBy(shares: readonly bigint[], totalRao: bigint): bigint[] {
  const sum = shares.reduce((total, share) => total + share, 0n);
  return shares.map((share) => (sum === 0n ? 0n : (totalRao * share) / sum));
}
