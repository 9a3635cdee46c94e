/** What the chain client reads and calls, with an example of each: the keys, a value, and what it must be read as. */
import type { Plain } from "../../src/chain/plain.ts";

export interface Sample {
  readonly path: string;
  /** Keys of a storage item, arguments of a runtime API, arguments of a call in order. */
  readonly args: readonly unknown[];
  /** What is encoded, and what it must be read as; of a call: its arguments by name. */
  readonly values: readonly (readonly [unknown, Plain])[];
  /** The specs that have it, both included. */
  readonly from?: number;
  readonly to?: number;
}

const alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const bob = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
const hash = `0x${"ab".repeat(32)}`;
const hashBytes = new Uint8Array(32).fill(0xab);
const text = new TextEncoder().encode("repository");

const perSubnet = (names: string, value: unknown, plain: Plain, specs: Pick<Sample, "from" | "to"> = {}): Sample[] =>
  names
    .split(" ")
    .map((name) => ({ path: `SubtensorModule.${name}`, args: [37], values: [[value, plain] as const], ...specs }));

const commitment = (fields: readonly unknown[]) => ({ deposit: 5, block: 77, info: { fields } });
const committed = (fields: readonly Plain[]): Plain => ({ deposit: 5n, block: 77, info: { fields } });

export const storageSamples: readonly Sample[] = [
  ...perSubnet("NetworksAdded NetworkRegistrationAllowed CommitRevealWeightsEnabled", true, true),
  ...perSubnet("Tempo SubnetworkN MinAllowedWeights MaxWeightsLimit ActivityCutoff ImmunityPeriod", 360, 360),
  ...perSubnet("MaxAllowedUids MaxAllowedValidators Kappa", 256, 256),
  ...perSubnet("WeightsSetRateLimit RevealPeriodEpochs WeightsVersionKey Burn BlocksSinceLastStep", 99, 99n),
  ...perSubnet("Active ValidatorPermit", [true, false], [true, false]),
  ...perSubnet("Incentive Consensus Dividends ValidatorTrust", [1, 65_535], [1, 65_535]),
  ...perSubnet("LastUpdate Emission", [1, 2 ** 40], [1n, 2n ** 40n]),
  ...perSubnet("LastEpochBlock PendingEpochAt SubnetEpochIndex", 12, 12n, { from: 424 }),
  ...perSubnet("ActivityCutoffFactorMilli", 13_889, 13_889, { from: 424 }),
  ...perSubnet("MechanismCountCurrent", 2, 2, { from: 393 }),
  ...perSubnet("SubnetOwnerHotkey", alice, alice, { from: 393 }),
  { path: "SubtensorModule.StakeThreshold", args: [], values: [[1000, 1000n]] },
  { path: "SubtensorModule.CommitRevealWeightsVersion", args: [], values: [[4, 4]], from: 393 },
  { path: "SubtensorModule.TaoWeight", args: [], values: [["0xffffffffffffffff", 2n ** 64n - 1n]], from: 393 },
  { path: "SubtensorModule.Uids", args: [37, alice], values: [[7, 7]] },
  { path: "SubtensorModule.Keys", args: [37, 7], values: [[bob, bob]] },
  { path: "SubtensorModule.Owner", args: [alice], values: [[bob, bob]] },
  { path: "SubtensorModule.BlockAtRegistration", args: [37, 7], values: [[9, 9n]] },
  { path: "SubtensorModule.TotalHotkeyStake", args: [alice], values: [[9, 9n]], to: 219 },
  { path: "SubtensorModule.TotalHotkeyAlpha", args: [alice, 37], values: [[9, 9n]], from: 393 },
  {
    path: "SubtensorModule.Weights",
    args: [37, 7],
    values: [
      [
        [
          [0, 65_535],
          [255, 1],
        ],
        [
          [0, 65_535],
          [255, 1],
        ],
      ],
    ],
  },
  {
    path: "SubtensorModule.WeightCommits",
    args: [37, alice],
    values: [[[[hash, 10, 20, 30]], [[hashBytes, 10n, 20n, 30n]]]],
  },
  {
    path: "SubtensorModule.TimelockedWeightCommits",
    args: [37, 5n],
    values: [[[[alice, 10, "0x0102", 1000]], [[alice, 10n, Uint8Array.of(1, 2), 1000n]]]],
    from: 393,
  },
  {
    path: "Commitments.CommitmentOf",
    args: [37, alice],
    values: [
      [commitment([{ Raw10: text }]), committed([{ kind: "Raw10", value: text }])],
      [commitment([{ Sha256: hash }]), committed([{ kind: "Sha256", value: hashBytes }])],
      [commitment([{ None: null }]), committed([{ kind: "None", value: null }])],
      [
        commitment([{ Raw128: new Uint8Array(128).fill(1) }]),
        committed([{ kind: "Raw128", value: new Uint8Array(128).fill(1) }]),
      ],
    ],
  },
  {
    path: "Commitments.CommitmentOf",
    args: [37, bob],
    values: [
      [
        commitment([{ BigRaw: `0x${"02".repeat(512)}` }, { ResetBondsFlag: null }]),
        committed([
          { kind: "BigRaw", value: new Uint8Array(512).fill(2) },
          { kind: "ResetBondsFlag", value: null },
        ]),
      ],
      [
        commitment([{ TimelockEncrypted: { encrypted: "0x0304", revealRound: 1000 } }]),
        committed([{ kind: "TimelockEncrypted", value: { encrypted: Uint8Array.of(3, 4), revealRound: 1000n } }]),
      ],
    ],
    from: 393,
  },
  { path: "Commitments.LastCommitment", args: [37, alice], values: [[77, 77]] },
  {
    path: "Commitments.UsedSpaceOf",
    args: [37, alice],
    values: [
      [
        { lastEpoch: 3, usedSpace: 100 },
        { lastEpoch: 3n, usedSpace: 100n },
      ],
    ],
    from: 393,
  },
  { path: "Commitments.MaxSpace", args: [], values: [[3100, 3100]], from: 393 },
  { path: "Drand.LastStoredRound", args: [], values: [[1000, 1000n]] },
  {
    path: "Drand.BeaconConfig",
    args: [],
    values: [
      [
        { publicKey: "0x01", period: 3, genesisTime: 1_692_803_367, hash_: "0x", groupHash: "0x", schemeId: "0x" },
        {
          publicKey: Uint8Array.of(1),
          period: 3,
          genesisTime: 1_692_803_367,
          hash_: new Uint8Array(),
          groupHash: new Uint8Array(),
          schemeId: new Uint8Array(),
          metadata: { beaconId: new Uint8Array() },
        },
      ],
    ],
  },
  {
    path: "System.Account",
    args: [alice],
    values: [
      [
        { nonce: 3, consumers: 0, providers: 1, sufficients: 0, data: { free: 10, reserved: 1, frozen: 0, flags: 0 } },
        {
          nonce: 3,
          consumers: 0,
          providers: 1,
          sufficients: 0,
          data: { free: 10n, reserved: 1n, frozen: 0n, flags: 0n },
        },
      ],
    ],
  },
];

/** All take a netuid; `null` is a subnet that does not exist. */
export const apiSamples: readonly Sample[] = [
  { path: "SubnetInfoRuntimeApi.get_metagraph", args: [1], values: [[null, null]], from: 393 },
  { path: "NeuronInfoRuntimeApi.get_neurons_lite", args: [1], values: [[[], []]], from: 393 },
];

const row = { uids: [0, 2], values: [65_535, 3] };
const mechanism = { from: 393 } as const;
const call = (path: string, named: Readonly<Record<string, unknown>>, specs: Pick<Sample, "from"> = {}): Sample => ({
  path,
  args: Object.values(named),
  values: [[named, null]],
  ...specs,
});

/** The arguments' order is the runtime's own; the client gives them by name. */
export const callSamples: readonly Sample[] = [
  call("Commitments.set_commitment", { netuid: 1, info: { fields: [{ Raw5: "hello" }] } }),
  call("SubtensorModule.burned_register", { netuid: 1, hotkey: alice }),
  call("SubtensorModule.set_weights", { netuid: 1, dests: row.uids, weights: row.values, version_key: 7n }),
  call("SubtensorModule.commit_weights", { netuid: 1, commit_hash: hash }),
  call("SubtensorModule.reveal_weights", { netuid: 1, ...row, salt: [1, 2, 3], version_key: 7n }),
  call(
    "SubtensorModule.commit_timelocked_weights",
    { netuid: 1, commit: "0x0102", reveal_round: 1000n, commit_reveal_version: 4 },
    mechanism,
  ),
  call(
    "SubtensorModule.set_mechanism_weights",
    { netuid: 1, mecid: 1, dests: row.uids, weights: row.values, version_key: 7n },
    mechanism,
  ),
  call("SubtensorModule.commit_mechanism_weights", { netuid: 1, mecid: 1, commit_hash: hash }, mechanism),
  call(
    "SubtensorModule.reveal_mechanism_weights",
    { netuid: 1, mecid: 1, ...row, salt: [1, 2, 3], version_key: 7n },
    mechanism,
  ),
  call(
    "SubtensorModule.commit_timelocked_mechanism_weights",
    { netuid: 1, mecid: 1, commit: "0x0102", reveal_round: 1000n, commit_reveal_version: 4 },
    mechanism,
  ),
];
