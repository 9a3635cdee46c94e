/** The events and errors of SubtensorModule that the local chain raises, with the runtime's indices. */

import { u16, u64, type ValueOf, vec } from "../scale/type.ts";
import { bare, named, unnamed, variants } from "../scale/variant.ts";
import { accountId, h256 } from "../types/substrate.ts";

export const subtensorEvents = variants("pallet_subtensor::pallet::Event", {
  NetworkAdded: unnamed(0, u16, u16),
  StakeAdded: unnamed(2, accountId, accountId, u64, u64, u16, u64),
  StakeRemoved: unnamed(3, accountId, accountId, u64, u64, u16, u64),
  WeightsSet: unnamed(5, u16, u16),
  NeuronRegistered: unnamed(6, u16, u16, accountId),
  AxonServed: unnamed(28, u16, accountId),
  PrometheusServed: unnamed(29, u16, accountId),
  WeightsCommitted: unnamed(85, accountId, u16, h256),
  WeightsRevealed: unnamed(86, accountId, u16, h256),
  TimelockedWeightsCommitted: unnamed(107, accountId, u16, h256, u64),
  TimelockedWeightsRevealed: unnamed(108, u16, accountId),
  IncentiveAlphaEmittedToMiners: named(110, { netuid: u16, emissions: vec(u64) }),
});
export type SubtensorEvent = ValueOf<typeof subtensorEvents>;

export const subtensorErrors = variants("pallet_subtensor::pallet::Error", {
  InvalidIpType: bare(1),
  InvalidPort: bare(3),
  HotKeyNotRegisteredInSubNet: bare(4),
  HotKeyAccountNotExists: bare(5),
  NonAssociatedColdKey: bare(7),
  NotEnoughStakeToWithdraw: bare(9),
  NotEnoughStakeToSetWeights: bare(10),
  NotEnoughBalanceToStake: bare(12),
  NeuronNoValidatorPermit: bare(15),
  WeightVecNotEqualSize: bare(16),
  DuplicateUids: bare(17),
  UidVecContainInvalidOne: bare(18),
  WeightVecLengthIsLow: bare(19),
  HotKeyAlreadyRegisteredInSubNet: bare(21),
  MaxWeightExceeded: bare(27),
  SettingWeightsTooFast: bare(29),
  IncorrectWeightVersionKey: bare(30),
  ServingRateLimitExceeded: bare(31),
  UidsLengthExceedUidsInSubNet: bare(32),
  SubNetRegistrationDisabled: bare(37),
  RegistrationNotPermittedOnRootSubnet: bare(42),
  CanNotSetRootNetworkWeights: bare(47),
  NoNeuronIdAvailable: bare(48),
  NoWeightsCommitFound: bare(51),
  InvalidRevealCommitHashNotMatch: bare(52),
  CommitRevealEnabled: bare(53),
  CommitRevealDisabled: bare(54),
  MechanismDoesNotExist: bare(74),
  SubnetNotExists: bare(76),
  TooManyUnrevealedCommits: bare(77),
  ExpiredWeightCommit: bare(78),
  RevealTooEarly: bare(79),
  CommittingWeightsTooFast: bare(81),
  AmountTooLow: bare(82),
  InsufficientLiquidity: bare(83),
  IncorrectCommitRevealVersion: bare(110),
  InvalidRevealRound: bare(111),
  RegistrationPriceLimitExceeded: bare(134),
});
