/**
 * The storage of SubtensorModule that the local chain serves: names, keys, hashers, types and defaults of runtime 424.
 * Entries that are keyed by "index" (Weights, Bonds, LastUpdate, Incentive, commits) take netuid + 4096 · mechanism.
 */
import { blake2, entry, identity, optional, storageOf, twox } from "../pallet.ts";
import { bool, boundedBytes, bytes, i16, tuple, u8, u16, u32, u64, u128, vec } from "../scale/type.ts";
import { axonInfo, chainIdentity, prometheusInfo, subnetIdentity } from "../types/subnet.ts";
import { accountId, fixedI128, fixedU128, h256, zeroAccount } from "../types/substrate.ts";

/** (uid, value) of every non-zero element of a row. */
const weightRow = vec(tuple(u16, u16));
const parentage = vec(tuple(u64, accountId));
/** (hash, block of the commit, first and last block of the reveal). */
const hashCommits = vec(tuple(h256, u64, u64, u64));
export const timelockedCommitSizeBytesMax = 5000;
export const timelockedCommit = boundedBytes(timelockedCommitSizeBytesMax);
/** (who, block of the commit, ciphertext, round). */
const timelockedCommits = vec(tuple(accountId, u64, timelockedCommit, u64));

export const subtensorStorage = storageOf("SubtensorModule", {
  // Neurons: who holds which uid, and what consensus made of them. Columns are indexed by uid.
  Uids: optional([identity(u16), blake2(accountId)], u16),
  Keys: entry([identity(u16), identity(u16)], accountId, zeroAccount),
  SubnetworkN: entry([identity(u16)], u16, 0),
  IsNetworkMember: entry([blake2(accountId), identity(u16)], bool, false),
  BlockAtRegistration: entry([identity(u16), identity(u16)], u64, 0n),
  Owner: entry([blake2(accountId)], accountId, zeroAccount),
  OwnedHotkeys: entry([blake2(accountId)], vec(accountId), []),
  Active: entry([identity(u16)], vec(bool), []),
  Consensus: entry([identity(u16)], vec(u16), []),
  Incentive: entry([identity(u16)], vec(u16), []),
  Dividends: entry([identity(u16)], vec(u16), []),
  Emission: entry([identity(u16)], vec(u64), []),
  LastUpdate: entry([identity(u16)], vec(u64), []),
  ValidatorTrust: entry([identity(u16)], vec(u16), []),
  ValidatorPermit: entry([identity(u16)], vec(bool), []),
  Weights: entry([identity(u16), identity(u16)], weightRow, []),
  Bonds: entry([identity(u16), identity(u16)], weightRow, []),
  Axons: optional([identity(u16), blake2(accountId)], axonInfo),
  Prometheus: optional([identity(u16), blake2(accountId)], prometheusInfo),
  IdentitiesV2: optional([blake2(accountId)], chainIdentity),
  Delegates: entry([blake2(accountId)], u16, 11796),
  // Subnets: existence, ownership, the epoch clock.
  NetworksAdded: entry([identity(u16)], bool, false),
  TotalNetworks: entry([], u16, 0),
  NetworkRegisteredAt: entry([identity(u16)], u64, 0n),
  FirstEmissionBlockNumber: optional([identity(u16)], u64),
  SubnetMechanism: entry([identity(u16)], u16, 0),
  MechanismCountCurrent: entry([twox(u16)], u8, 1),
  MaxMechanismCount: entry([], u8, 2),
  MechanismEmissionSplit: optional([twox(u16)], vec(u16)),
  SubnetOwner: entry([identity(u16)], accountId, zeroAccount),
  SubnetOwnerHotkey: entry([identity(u16)], accountId, zeroAccount),
  SubnetIdentitiesV3: optional([blake2(u16)], subnetIdentity),
  TokenSymbol: entry([identity(u16)], bytes, new TextEncoder().encode("𝜏")),
  SubtokenEnabled: entry([identity(u16)], bool, false),
  Tempo: entry([identity(u16)], u16, 360),
  LastEpochBlock: entry([identity(u16)], u64, 0n),
  PendingEpochAt: entry([identity(u16)], u64, 0n),
  SubnetEpochIndex: entry([identity(u16)], u64, 0n),
  BlocksSinceLastStep: entry([identity(u16)], u64, 0n),
  LastMechansimStepBlock: entry([identity(u16)], u64, 0n),
  // Emission and stake. Amounts in rao; alpha has nine decimals too.
  TaoWeight: entry([], u64, 971718665099567868n),
  BlockEmission: entry([], u64, 1000000000n),
  TotalIssuance: entry([], u64, 0n),
  TotalStake: entry([], u64, 0n),
  SubnetMovingPrice: entry([identity(u16)], fixedI128, { bits: 0n }),
  SubnetVolume: entry([identity(u16)], u128, 0n),
  SubnetTAO: entry([identity(u16)], u64, 0n),
  SubnetAlphaIn: entry([identity(u16)], u64, 0n),
  SubnetAlphaOut: entry([identity(u16)], u64, 0n),
  SubnetTaoInEmission: entry([identity(u16)], u64, 0n),
  SubnetAlphaInEmission: entry([identity(u16)], u64, 0n),
  SubnetAlphaOutEmission: entry([identity(u16)], u64, 0n),
  SubnetOwnerCut: entry([], u16, 11796),
  PendingServerEmission: entry([identity(u16)], u64, 0n),
  PendingValidatorEmission: entry([identity(u16)], u64, 0n),
  PendingRootAlphaDivs: entry([identity(u16)], u64, 0n),
  PendingOwnerCut: entry([identity(u16)], u64, 0n),
  TotalHotkeyAlpha: entry([blake2(accountId), identity(u16)], u64, 0n),
  TotalHotkeyShares: entry([blake2(accountId), identity(u16)], fixedU128, { bits: 0n }),
  Alpha: entry([blake2(accountId), blake2(accountId), identity(u16)], fixedU128, { bits: 0n }),
  StakingHotkeys: entry([blake2(accountId)], vec(accountId), []),
  AlphaDividendsPerSubnet: entry([identity(u16), blake2(accountId)], u64, 0n),
  ChildKeys: entry([blake2(accountId), identity(u16)], parentage, []),
  ParentKeys: entry([blake2(accountId), identity(u16)], parentage, []),
  // Registration: burn, immunity, replacement.
  NetworkRegistrationAllowed: entry([identity(u16)], bool, true),
  NetworkPowRegistrationAllowed: entry([identity(u16)], bool, true),
  MaxAllowedUids: entry([identity(u16)], u16, 256),
  MinAllowedUids: entry([identity(u16)], u16, 64),
  MinNonImmuneUids: entry([identity(u16)], u16, 10),
  ImmunityPeriod: entry([identity(u16)], u16, 4096),
  ImmuneOwnerUidsLimit: entry([identity(u16)], u16, 1),
  Burn: entry([identity(u16)], u64, 100000000n),
  MinBurn: entry([identity(u16)], u64, 500000n),
  MaxBurn: entry([identity(u16)], u64, 100000000000n),
  BurnHalfLife: entry([identity(u16)], u16, 360),
  BurnIncreaseMult: entry([identity(u16)], fixedU128, { bits: 23242897532874035200n }),
  RAORecycledForRegistration: entry([identity(u16)], u64, 0n),
  Difficulty: entry([identity(u16)], u64, 10000000n),
  MinDifficulty: entry([identity(u16)], u64, 10000000n),
  MaxDifficulty: entry([identity(u16)], u64, 4611686018427387903n),
  AdjustmentInterval: entry([identity(u16)], u16, 100),
  AdjustmentAlpha: entry([identity(u16)], u64, 0n),
  TargetRegistrationsPerInterval: entry([identity(u16)], u16, 2),
  MaxRegistrationsPerBlock: entry([identity(u16)], u16, 1),
  RegistrationsThisBlock: entry([identity(u16)], u16, 0),
  RegistrationsThisInterval: entry([identity(u16)], u16, 0),
  LastAdjustmentBlock: entry([identity(u16)], u64, 0n),
  // Parameters of Yuma.
  Rho: entry([identity(u16)], u16, 10),
  Kappa: entry([identity(u16)], u16, 32767),
  AlphaSigmoidSteepness: entry([identity(u16)], i16, 1000),
  AlphaValues: entry([identity(u16)], tuple(u16, u16), [45875, 58982]),
  LiquidAlphaOn: entry([blake2(u16)], bool, false),
  Yuma3On: entry([blake2(u16)], bool, false),
  BondsMovingAverage: entry([identity(u16)], u64, 900000n),
  BondsPenalty: entry([identity(u16)], u16, 65535),
  BondsResetOn: entry([identity(u16)], bool, false),
  ActivityCutoff: entry([identity(u16)], u16, 5000),
  ActivityCutoffFactorMilli: entry([identity(u16)], u32, 13889),
  MaxAllowedValidators: entry([identity(u16)], u16, 128),
  StakeThreshold: entry([], u64, 0n),
  // Setting weights: limits and the two kinds of commits.
  MinAllowedWeights: entry([identity(u16)], u16, 1024),
  MaxWeightsLimit: entry([identity(u16)], u16, 65535),
  WeightsVersionKey: entry([identity(u16)], u64, 0n),
  WeightsSetRateLimit: entry([identity(u16)], u64, 100n),
  ServingRateLimit: entry([identity(u16)], u64, 50n),
  CommitRevealWeightsEnabled: entry([identity(u16)], bool, true),
  CommitRevealWeightsVersion: entry([], u16, 4),
  RevealPeriodEpochs: entry([twox(u16)], u64, 1n),
  WeightCommits: optional([twox(u16), twox(accountId)], hashCommits),
  TimelockedWeightCommits: entry([twox(u16), twox(u64)], timelockedCommits, []),
  // Read by newer Python SDKs though runtime 424 lacks them: zero means Yuma and no collateral.
  SubnetEpochConsensus: entry([identity(u16)], u8, 0),
  CollateralLockShare: entry([identity(u16)], u16, 0),
});
