import { expect, test } from "bun:test";
import type { Neuron } from "../subnet.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { blocksToWait, failedCheck, type WeightsAttempt } from "./weight-checks.ts";

const neuron = (uid: number, change: Partial<Neuron> = {}): Neuron => ({
  uid,
  hotkey: `hotkey-${uid}`,
  coldkey: "coldkey",
  active: true,
  stakeTao: 1000,
  validatorPermit: true,
  lastUpdateBlock: 0,
  registrationBlock: 0,
  incentive: 0,
  consensus: 0,
  dividends: 0,
  validatorTrust: 0,
  emissionRao: 0n,
  ...change,
});

const hyperparameters: Hyperparameters = {
  netuid: 1,
  block: 500,
  tempo: 360,
  weightsRateLimit: 100,
  commitRevealEnabled: false,
  commitRevealVersion: 4,
  revealPeriodEpochs: 1,
  versionKey: 5n,
  minAllowedWeights: 2,
  maxWeightsLimit: 65_535,
  activityCutoff: 5000,
  immunityPeriod: 5000,
  maxAllowedUids: 256,
  maxAllowedValidators: 64,
  neurons: 4,
  mechanisms: 2,
  registrationAllowed: true,
  burnRao: 1_000_000_000n,
  stakeThresholdRao: 100_000_000_000n,
  kappa: 32_767,
  ownerHotkey: null,
};

const sound: WeightsAttempt = {
  method: "plain",
  metagraph: {
    netuid: 1,
    block: 500,
    blockHash: "0x",
    tempoBlocks: 360,
    neurons: [0, 1, 2, 3].map((uid) => neuron(uid)),
  },
  hyperparameters,
  hotkey: "hotkey-0",
  mecid: 0,
  uids: [1, 2],
  values: [65_535, 65_535],
  versionKey: 5n,
  lastUpdateBlock: 400,
  block: 501,
};

const withRules = (change: Partial<Hyperparameters>) => ({ hyperparameters: { ...hyperparameters, ...change } });
const withOwn = (change: Partial<Neuron>) => ({
  metagraph: { ...sound.metagraph, neurons: [neuron(0, change), neuron(1), neuron(2), neuron(3)] },
});

const refused: readonly (readonly [string, Partial<WeightsAttempt>])[] = [
  ["CommitRevealEnabled", withRules({ commitRevealEnabled: true })],
  ["CommitRevealDisabled", { method: "timelocked" }],
  ["CanNotSetRootNetworkWeights", { metagraph: { ...sound.metagraph, netuid: 0 } }],
  ["WeightVecNotEqualSize", { values: [1] }],
  ["MechanismDoesNotExist", { mecid: 2 }],
  ["UidsLengthExceedUidsInSubNet", { uids: [0, 1, 2, 3, 4], values: [1, 1, 1, 1, 1] }],
  ["HotKeyNotRegisteredInSubNet", { hotkey: "stranger" }],
  ["NotEnoughStakeToSetWeights", withOwn({ stakeTao: 99.9 })],
  ["IncorrectWeightVersionKey", { versionKey: 4n }],
  ["SettingWeightsTooFast", { lastUpdateBlock: 402 }],
  ["NeuronNoValidatorPermit", withOwn({ validatorPermit: false })],
  ["DuplicateUids", { uids: [1, 1] }],
  ["UidVecContainInvalidOne", { uids: [1, 4] }],
  ["WeightVecLengthIsLow", { uids: [1], values: [1] }],
  ["MaxWeightExceeded", { ...withRules({ maxWeightsLimit: 32_767 }), values: [65_535, 65_534] }],
];

for (const [name, change] of refused)
  test(`${name} is found before anything is sent`, () => expect(failedCheck({ ...sound, ...change })).toBe(name));

const accepted: readonly (readonly [string, Partial<WeightsAttempt>])[] = [
  ["a sound setting", {}],
  ["the first weights ever", { lastUpdateBlock: 0 }],
  [
    "an owner without stake and permit",
    { ...withOwn({ stakeTao: 0, validatorPermit: false }), ...withRules({ ownerHotkey: "hotkey-0" }) },
  ],
  ["a single self-weight without permit", { ...withOwn({ validatorPermit: false }), uids: [0], values: [65_535] }],
];

for (const [name, change] of accepted)
  test(`${name} passes`, () => expect(failedCheck({ ...sound, ...change })).toBeUndefined());

test("a subnet smaller than its minimum wants as many weights as it has neurons", () => {
  const attempt = { ...sound, ...withRules({ minAllowedWeights: 9 }) };
  expect(failedCheck(attempt)).toBe("WeightVecLengthIsLow");
  expect(failedCheck({ ...attempt, uids: [0, 1, 2, 3], values: [0, 1, 1, 1] })).toBeUndefined();
});

test("the wait ends in the block where the rate limit has passed", () => {
  expect(blocksToWait({ ...sound, lastUpdateBlock: 450 })).toBe(49);
  expect(blocksToWait({ ...sound, lastUpdateBlock: 401 })).toBe(0);
  expect(blocksToWait({ ...sound, lastUpdateBlock: 0, block: 5 })).toBe(0);
});
