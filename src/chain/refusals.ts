/** What the chain refuses, by the runtime's own names, each with a sentence of what to do about it. */
import type { RpcError } from "./socket.ts";

export interface Refusal {
  readonly error: string;
  readonly sentence: string;
}

const sentences: Readonly<Record<string, string>> = {
  // Weights
  CommitRevealEnabled: "The subnet takes weights by commit and reveal only: commit them instead of setting them.",
  CommitRevealDisabled: "The subnet takes weights in the plain: set them instead of committing them.",
  CanNotSetRootNetworkWeights: "Subnet 0 takes no weights: give the subnet's own --netuid.",
  WeightVecNotEqualSize: "There must be one weight for every uid.",
  MechanismDoesNotExist: "The subnet has no mechanism of that number: check --mecid.",
  UidsLengthExceedUidsInSubNet: "There are more weights than neurons: read the metagraph again.",
  HotKeyNotRegisteredInSubNet:
    "The hotkey is not registered in the subnet: `finetune register`, or another --wallet.hotkey.",
  HotKeyNotRegisteredInNetwork: "The hotkey is registered in no subnet: `finetune register`.",
  NotEnoughStakeToSetWeights: "The hotkey's stake weight is under the subnet's threshold: add stake to it.",
  IncorrectWeightVersionKey: "The subnet's owner requires a newer validator: update this program.",
  SettingWeightsTooFast: "The rate limit has not passed since the last weights: wait for it.",
  NeuronNoValidatorPermit: "The neuron has no validator permit: it needs more stake than the validators that hold one.",
  DuplicateUids: "A uid was given twice: give each neuron one weight.",
  UidVecContainInvalidOne: "A uid is not in the subnet: read the metagraph again.",
  WeightVecLengthIsLow: "The subnet wants weights for more neurons than were given.",
  MaxWeightExceeded: "A weight is a larger share than the subnet allows.",
  CommittingWeightsTooFast: "The rate limit has not passed since the last commit: wait for it.",
  TooManyUnrevealedCommits: "Ten commits wait for their reveal: reveal them, or let them expire.",
  NoWeightsCommitFound: "The chain holds no commit that this reveals: it expired or was revealed already.",
  ExpiredWeightCommit: "The commit's reveal epoch has passed: commit anew.",
  RevealTooEarly: "The commit's reveal epoch has not begun: wait for it.",
  InvalidRevealCommitHashNotMatch:
    "The revealed weights are not those that were committed: reveal what was stored with the commit.",
  IncorrectCommitRevealVersion: "The chain wants another version of timelocked commits: update this program.",
  InvalidRevealRound: "The reveal round is in the past by the chain's own beacon: commit anew.",
  BeaconUnknown:
    "The subnet asks for timelocked weights, but the chain names no beacon that would open them: ask the subnet's owner.",
  // Commitments
  SpaceLimitExceeded: "The hotkey has used its space for commitments in this epoch: wait for the subnet's next epoch.",
  TooManyFieldsInCommitmentInfo: "The commitment has more fields than this chain takes.",
  AccountNotAllowedCommit: "Only a hotkey that is registered in the subnet may commit: `finetune register` first.",
  CommitmentSetRateLimitExceeded: "The chain takes one commitment per 100 blocks from a hotkey: wait for it.",
  CommitmentTooLong: "The commitment is longer than this chain's longest field: use a shorter repository name.",
  // Registration
  SubnetNotExists: "The chain has no such subnet: check --netuid and --network.",
  SubNetworkDoesNotExist: "The chain has no such subnet: check --netuid and --network.",
  MechanismNotExists: "The chain has no such subnet: check --netuid and --network.",
  SubNetRegistrationDisabled: "The subnet takes no registrations at present: ask its owner.",
  RegistrationNotPermittedOnRootSubnet: "Subnet 0 cannot be registered in this way: give the subnet's own --netuid.",
  HotKeyAlreadyRegisteredInSubNet: "The hotkey is registered in the subnet already: nothing is to be done.",
  NotEnoughBalanceToStake: "The coldkey's balance does not cover the cost: transfer TAO to it first.",
  NonAssociatedColdKey: "The hotkey belongs to another coldkey: use its own, or a new hotkey.",
  NoNeuronIdAvailable: "Every neuron of the subnet is immune at present: try again when an immunity period has ended.",
  TooManyRegistrationsThisBlock: "The subnet has taken its registrations of this block: try again.",
  TooManyRegistrationsThisInterval: "The subnet has taken its registrations of this interval: try again later.",
  BalanceWithdrawalError: "The coldkey's balance does not cover the cost: transfer TAO to it first.",
  // The pool
  ColdkeySwapAnnounced: "The coldkey is being swapped: finish or cancel that first.",
  StakeAmountTooLow: "The hotkey's stake is too low for this call: add stake to it.",
  HotKeyAccountNotExists: "The chain does not know the hotkey: register it first.",
  RateLimitExceeded: "The chain's rate limit for this call has not passed: wait for it.",
  InputLengthsUnequal: "There must be one value for every uid.",
  BadRequest: "The chain refused the call before running it; its rules say more: read the checks above.",
  Payment: "The account's balance does not cover the fee: transfer TAO to it.",
  BadProof: "The signature does not fit the runtime: this program signs differently than this chain reads; update it.",
  Stale: "Another transaction of the same account came first.",
  AncientBirthBlock: "The transaction grew too old on its way.",
  Expired: "The transaction was in no block of its life time and can never be included any more: submit again.",
  EffectMissing:
    "The chain reported success, but what was written is not to be found: another transaction of the same key may have replaced it.",
};

/** `Invalid::Custom(n)` of subtensor's transaction extensions. */
const customErrors: Readonly<Record<number, string>> = {
  0: "ColdkeySwapAnnounced",
  1: "StakeAmountTooLow",
  2: "NotEnoughBalanceToStake",
  3: "SubnetNotExists",
  4: "HotKeyAccountNotExists",
  6: "RateLimitExceeded",
  8: "SlippageTooHigh",
  10: "HotKeyNotRegisteredInNetwork",
  15: "InvalidRevealRound",
  16: "NoWeightsCommitFound",
  17: "RevealTooEarly",
  18: "InputLengthsUnequal",
  19: "HotKeyNotRegisteredInSubNet",
  23: "FailedShieldedTxParsing",
  24: "InvalidShieldedTxPubKeyHash",
  25: "NonAssociatedColdKey",
  255: "BadRequest",
};

/** The pool's refusals by the words of substrate's own messages. */
const poolTexts: readonly (readonly [RegExp, string])[] = [
  [/pay some fees|"payment"/i, "Payment"],
  [/bad signature|bad ?proof/i, "BadProof"],
  [/ancient ?birth/i, "AncientBirthBlock"],
  [/outdated|stale/i, "Stale"],
  [/priority is too low/i, "Stale"],
  [/will be valid in the future|"future"/i, "Future"],
  [/already imported/i, "AlreadyImported"],
  [/temporarily banned/i, "Banned"],
  [/exhaust/i, "ExhaustsResources"],
];

/** A refusal by name; where the table has no sentence the runtime's own documentation serves. */
export function refusal(error: string, docs = ""): Refusal {
  const own = Object.hasOwn(sentences, error) ? sentences[error] : undefined;
  return { error, sentence: own ?? (docs === "" ? "The runtime gives no explanation for it." : docs) };
}

/** The refusal behind an error of author_submitExtrinsic. */
export function poolRefusal(error: RpcError): Refusal {
  const custom = /custom(?: error)?"?:?\s*\(?(\d+)/i.exec(error.message);
  if (custom !== null) {
    const code = Number(custom[1]);
    return refusal(customErrors[code] ?? `Custom(${code})`);
  }
  const known = poolTexts.find(([pattern]) => pattern.test(error.message));
  return known === undefined ? refusal(`Pool(${error.code})`, error.message.slice(0, 300)) : refusal(known[1]);
}
