/** Setting weights: every check of the runtime, in its order. */
import { expect, test } from "bun:test";
import { alice, netuid, register, TestChain, validator, weights } from "./chain.fixture.ts";
import { keypair } from "./extrinsic.fixture.ts";
import { subtensorStorage as storage } from "./pallets/subtensor-storage.ts";

const miner = keypair("//M0");
const stranger = keypair("//Stranger");

test("a row is stored max-upscaled and counts as an update", () => {
  const chain = new TestChain({ stakesTao: [1000, 500] });
  expect(
    chain.run(
      validator(0),
      weights([
        [0, 1],
        [1, 3],
      ]),
    ),
  ).toBe("ok");
  expect(chain.state.get(storage.Weights, netuid, 0)).toEqual([
    [0, 21_845],
    [1, 65_535],
  ]);
  expect(chain.state.get(storage.LastUpdate, netuid)[0]).toBe(BigInt(chain.chain.head.number));
  expect(chain.state.get(storage.LastUpdate, netuid)[1]).toBe(0n);
});

test("the runtime's checks, by name", () => {
  const parameters = { weightsMin: 2, weightsVersionKey: 7n };
  const chain = new TestChain({ stakesTao: [1000, 500], parameters });
  chain.run(alice, register(miner));
  const cases: readonly (readonly [string, () => string])[] = [
    ["WeightVecNotEqualSize", () => chain.run(validator(0), rowOf([0, 1], [1], 7n))],
    [
      "UidsLengthExceedUidsInSubNet",
      () =>
        chain.run(
          validator(0),
          weights(
            [
              [0, 1],
              [1, 1],
              [2, 1],
              [3, 1],
            ],
            7n,
          ),
        ),
    ],
    [
      "HotKeyNotRegisteredInSubNet",
      () =>
        chain.run(
          stranger,
          weights(
            [
              [0, 1],
              [1, 1],
            ],
            7n,
          ),
        ),
    ],
    [
      "IncorrectWeightVersionKey",
      () =>
        chain.run(
          validator(0),
          weights(
            [
              [0, 1],
              [1, 1],
            ],
            6n,
          ),
        ),
    ],
    [
      "NeuronNoValidatorPermit",
      () =>
        chain.run(
          miner,
          weights(
            [
              [0, 1],
              [1, 1],
            ],
            7n,
          ),
        ),
    ],
    [
      "DuplicateUids",
      () =>
        chain.run(
          validator(0),
          weights(
            [
              [1, 1],
              [1, 1],
            ],
            7n,
          ),
        ),
    ],
    [
      "UidVecContainInvalidOne",
      () =>
        chain.run(
          validator(0),
          weights(
            [
              [1, 1],
              [9, 1],
            ],
            7n,
          ),
        ),
    ],
    ["WeightVecLengthIsLow", () => chain.run(validator(0), weights([[1, 1]], 7n))],
    ["MechanismDoesNotExist", () => chain.run(validator(0), ofMechanism(1))],
    [
      "ok",
      () =>
        chain.run(
          validator(0),
          weights(
            [
              [0, 1],
              [1, 1],
            ],
            8n,
          ),
        ),
    ],
    ["ok", () => chain.run(miner, weights([[2, 1]], 7n))],
  ];
  for (const [expected, run] of cases) expect(run()).toBe(expected);
});

test("weights come no faster than the limit, except the first ones", () => {
  const chain = new TestChain({ parameters: { weightsRateLimitBlocks: 5 } });
  expect(chain.run(validator(0), weights([[0, 1]]))).toBe("ok");
  const since = chain.chain.head.number;
  expect(chain.run(validator(0), weights([[0, 1]]))).toBe("SettingWeightsTooFast");
  while (chain.chain.head.number < since + 4) chain.block();
  expect(chain.run(validator(0), weights([[0, 1]]))).toBe("ok");
});

test("too little stake is refused by the pool, and a subnet that wants commits refuses plain weights", () => {
  const poor = new TestChain({ stakesTao: [10], parameters: { stakeThresholdRao: 20_000_000_000n } });
  expect(poor.run(validator(0), weights([[0, 1]]))).toBe("Custom error: 1");
  const shy = new TestChain({ parameters: { commitReveal: true } });
  expect(shy.run(validator(0), weights([[0, 1]]))).toBe("CommitRevealEnabled");
});

test("a call that fails leaves its nonce and its error, nothing else", () => {
  const chain = new TestChain();
  const before = chain.state.get(storage.LastUpdate, netuid);
  expect(
    chain.run(
      validator(0),
      weights([
        [0, 1],
        [9, 1],
      ]),
    ),
  ).toBe("UidsLengthExceedUidsInSubNet");
  expect(chain.state.get(storage.LastUpdate, netuid)).toEqual(before);
  expect(chain.state.get(storage.Weights, netuid, 0)).toEqual([]);
  expect(chain.chain.nextNonce(`0x${validator(0).publicKey.toHex()}`)).toBe(1);
});

function rowOf(dests: readonly number[], values: readonly number[], version_key: bigint) {
  return {
    type: "SubtensorModule",
    value: { type: "set_weights", value: { netuid, dests, weights: values, version_key } },
  } as const;
}

function ofMechanism(mecid: number) {
  const value = { netuid, mecid, dests: [0, 1], weights: [1, 1], version_key: 7n };
  return { type: "SubtensorModule", value: { type: "set_mechanism_weights", value } } as const;
}
