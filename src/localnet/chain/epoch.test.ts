/** Epochs on the chain: when they fire, what they store, and whom they pay. */
import { expect, test } from "bun:test";
import { stakeRao } from "./calls/stake.ts";
import { alice, netuid, owner, register, TestChain, validator, weights } from "./chain.fixture.ts";
import { accountOf, keypair } from "./extrinsic.fixture.ts";
import { subtensorStorage as storage } from "./pallets/subtensor-storage.ts";

const miners = [keypair("//MinerA"), keypair("//MinerB")];

function running() {
  const chain = new TestChain({ stakesTao: [3000, 1000], parameters: { tempoBlocks: 10 } });
  for (const miner of miners) chain.run(alice, register(miner));
  chain.run(
    validator(0),
    weights([
      [2, 3],
      [3, 1],
    ]),
  );
  chain.run(
    validator(1),
    weights([
      [2, 3],
      [3, 1],
    ]),
  );
  return chain;
}

test("an epoch fires once a tempo and counts its index", () => {
  const chain = running();
  chain.blocks(100 - chain.chain.head.number);
  expect(chain.state.get(storage.SubnetEpochIndex, netuid)).toBe(10n);
  expect(chain.state.get(storage.LastEpochBlock, netuid)).toBe(100n);
  expect(chain.state.get(storage.BlocksSinceLastStep, netuid)).toBe(0n);
});

test("agreeing validators pay miners by weight and earn by stake", () => {
  const chain = running();
  chain.blocks(100 - chain.chain.head.number);
  const [, , first, second] = chain.state.get(storage.Incentive, netuid);
  expect(first! / second!).toBeCloseTo(3, 2);
  expect(chain.state.get(storage.ValidatorTrust, netuid).slice(0, 2)).toEqual([65_535, 65_535]);
  const [left, right] = chain.state.get(storage.Dividends, netuid);
  expect(left! / right!).toBeCloseTo(3, 1);
  expect(chain.state.get(storage.ValidatorPermit, netuid).slice(0, 2)).toEqual([true, true]);
});

test("what an epoch pays is what was emitted: owner 18 %, half of the rest to miners, half to validators", () => {
  const chain = running();
  chain.blocks(100 - chain.chain.head.number);
  const stakes = () => ({
    miners: miners.reduce((sum, miner) => sum + stakeRao(chain.state, accountOf(miner), accountOf(alice), netuid), 0n),
    validators: [0, 1].reduce(
      (sum, uid) => sum + chain.state.get(storage.TotalHotkeyAlpha, accountOf(validator(uid)), netuid),
      0n,
    ),
    owner: chain.state.get(storage.TotalHotkeyAlpha, accountOf(owner.hotkey), netuid),
  });
  const before = stakes();
  chain.blocks(10);
  const after = stakes();
  const emitted = 10_000_000_000;
  expect(Number(after.owner - before.owner) / emitted).toBeCloseTo(0.18, 4);
  expect(Number(after.miners - before.miners) / emitted).toBeCloseTo(0.41, 4);
  expect(Number(after.validators - before.validators) / emitted).toBeCloseTo(0.41, 4);
});

test("stake beside the network changes nobody's part of it", () => {
  const chain = running();
  const stake = { hotkey: accountOf(validator(1)), netuid, amount_staked: 50_000_000_000n };
  expect(chain.run(alice, { type: "SubtensorModule", value: { type: "add_stake", value: stake } })).toBe("ok");
  const mine = stakeRao(chain.state, accountOf(validator(1)), accountOf(alice), netuid);
  expect(mine > 0n).toBe(true);
  chain.blocks(30);
  const grown = stakeRao(chain.state, accountOf(validator(1)), accountOf(alice), netuid);
  expect(grown > mine).toBe(true);
  const back = { hotkey: accountOf(validator(1)), netuid, amount_unstaked: grown };
  expect(chain.run(alice, { type: "SubtensorModule", value: { type: "remove_stake", value: back } })).toBe("ok");
  expect(stakeRao(chain.state, accountOf(validator(1)), accountOf(alice), netuid)).toBe(0n);
});

test("a validator that stops is inactive after the cutoff and earns nothing more", () => {
  const chain = new TestChain({ stakesTao: [1000, 1000], parameters: { tempoBlocks: 10, activityCutoffBlocks: 30 } });
  chain.run(alice, register(miners[0]!));
  chain.run(validator(0), weights([[2, 1]]));
  chain.run(validator(1), weights([[2, 1]]));
  while (chain.chain.head.number < 60) {
    chain.block();
    if (chain.chain.head.number % 10 === 5) chain.run(validator(0), weights([[2, 1]]));
  }
  expect(chain.state.get(storage.Active, netuid).slice(0, 2)).toEqual([true, false]);
  const [active, gone] = chain.state.get(storage.Dividends, netuid);
  expect(active! > 0).toBe(true);
  expect(gone).toBe(0);
});
