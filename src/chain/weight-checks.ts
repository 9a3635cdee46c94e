/** The runtime's checks of a weight setting, in its order and by its names, before anything is signed. */
import type { Block, Hotkey, Metagraph, Uid } from "../subnet.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { u16Max } from "./weights.ts";

/** How weights reach the chain. */
export type WeightsMethod = "plain" | "hash-commit" | "timelocked";

export interface WeightsAttempt {
  readonly method: WeightsMethod;
  readonly metagraph: Metagraph;
  readonly hyperparameters: Hyperparameters;
  readonly hotkey: Hotkey;
  readonly mecid: number;
  readonly uids: readonly Uid[];
  readonly values: readonly number[];
  readonly versionKey: bigint;
  /** Of this neuron in this mechanism; 0: never. */
  readonly lastUpdateBlock: Block;
  /** The block that the extrinsic is expected in. */
  readonly block: Block;
}

/** The name of the first check that fails, or undefined. A commit is checked as the reveal will be. */
export function failedCheck(attempt: WeightsAttempt): string | undefined {
  return checks.find(([, fails]) => fails(attempt))?.[0];
}

/** Blocks to wait until the rate limit has passed; 0: none. */
export function blocksToWait({
  hyperparameters,
  lastUpdateBlock,
  block,
}: Pick<WeightsAttempt, "hyperparameters" | "lastUpdateBlock" | "block">): number {
  if (lastUpdateBlock === 0) return 0;
  return Math.max(0, lastUpdateBlock + hyperparameters.weightsRateLimit - block);
}

const neuronOf = ({ metagraph, hotkey }: WeightsAttempt) =>
  metagraph.neurons.find((neuron) => neuron.hotkey === hotkey);

const isOwner = ({ hyperparameters, hotkey }: WeightsAttempt) => hyperparameters.ownerHotkey === hotkey;

/** One entry, to oneself: exempt from permit, length and share. */
const isSelfWeight = (attempt: WeightsAttempt) =>
  attempt.uids.length === 1 && attempt.uids[0] === neuronOf(attempt)?.uid;

const checks: readonly (readonly [string, (attempt: WeightsAttempt) => boolean])[] = [
  ["CommitRevealEnabled", ({ method, hyperparameters }) => method === "plain" && hyperparameters.commitRevealEnabled],
  ["CommitRevealDisabled", ({ method, hyperparameters }) => method !== "plain" && !hyperparameters.commitRevealEnabled],
  ["CanNotSetRootNetworkWeights", ({ metagraph }) => metagraph.netuid === 0],
  ["WeightVecNotEqualSize", ({ uids, values }) => uids.length !== values.length],
  ["MechanismDoesNotExist", ({ mecid, hyperparameters }) => mecid >= hyperparameters.mechanisms],
  ["UidsLengthExceedUidsInSubNet", ({ uids, metagraph }) => uids.length > metagraph.neurons.length],
  ["HotKeyNotRegisteredInSubNet", (attempt) => neuronOf(attempt) === undefined],
  [
    "NotEnoughStakeToSetWeights",
    (attempt) =>
      !isOwner(attempt) && neuronOf(attempt)!.stakeTao * 1e9 < Number(attempt.hyperparameters.stakeThresholdRao),
  ],
  ["IncorrectWeightVersionKey", ({ versionKey, hyperparameters }) => versionKey < hyperparameters.versionKey],
  ["SettingWeightsTooFast", (attempt) => blocksToWait(attempt) > 0],
  [
    "NeuronNoValidatorPermit",
    (attempt) => !isOwner(attempt) && !isSelfWeight(attempt) && !neuronOf(attempt)!.validatorPermit,
  ],
  ["DuplicateUids", ({ uids }) => new Set(uids).size !== uids.length],
  ["UidVecContainInvalidOne", ({ uids, metagraph }) => uids.some((uid) => uid < 0 || uid >= metagraph.neurons.length)],
  [
    "WeightVecLengthIsLow",
    (attempt) =>
      !isSelfWeight(attempt) &&
      attempt.uids.length < Math.min(attempt.hyperparameters.minAllowedWeights, attempt.metagraph.neurons.length),
  ],
  [
    "MaxWeightExceeded",
    (attempt) => {
      const { maxWeightsLimit } = attempt.hyperparameters;
      const total = attempt.values.reduce((sum, value) => sum + value, 0);
      const largest = Math.max(0, ...attempt.values);
      return !isSelfWeight(attempt) && maxWeightsLimit < u16Max && largest * u16Max > maxWeightsLimit * total;
    },
  ],
];
