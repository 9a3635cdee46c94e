/** Registration: the price, who may, and whose place a newcomer takes. */
import { expect, test } from "bun:test";
import { freeRao } from "./calls/accounts.ts";
import { alice, netuid, register, TestChain, validator, weights } from "./chain.fixture.ts";
import { accountOf, keypair } from "./extrinsic.fixture.ts";
import { subtensorStorage as storage } from "./pallets/subtensor-storage.ts";

const miners = Array.from({ length: 6 }, (_, index) => keypair(`//Miner${index}`));

test("the burn is paid, rises by a registration and halves in its half-life", () => {
  const chain = new TestChain();
  const before = freeRao(chain.state, accountOf(alice));
  const burn = chain.state.get(storage.Burn, netuid);
  expect(chain.run(alice, register(miners[0]!))).toBe("ok");
  const paid = before - freeRao(chain.state, accountOf(alice));
  // The price falls a little in the block itself, before the registration; the fee comes on top.
  expect(Number(paid)).toBeCloseTo(Number(burn), -7);
  const raised = chain.state.get(storage.Burn, netuid);
  expect(Number(raised) / Number(burn)).toBeCloseTo(1.26, 2);
  chain.blocks(360);
  expect(Number(chain.state.get(storage.Burn, netuid)) / Number(raised)).toBeCloseTo(0.5, 5);
});

test("the burn does not fall below its least", () => {
  const chain = new TestChain({ parameters: { burnRao: 510_000n } });
  chain.blocks(20);
  expect(chain.state.get(storage.Burn, netuid)).toBe(500_000n);
});

test("who may not register is told why", () => {
  const chain = new TestChain();
  const poor = keypair("//Poor");
  expect(chain.run(alice, register(validator(0)))).toBe("HotKeyAlreadyRegisteredInSubNet");
  expect(chain.run(poor, register(miners[0]!))).toBe("Inability to pay some fees (e.g. account balance too low)");
  const elsewhere = { netuid: 77, hotkey: accountOf(miners[0]!) };
  expect(chain.run(alice, { type: "SubtensorModule", value: { type: "burned_register", value: elsewhere } })).toBe(
    "SubnetNotExists",
  );
  const root = { ...elsewhere, netuid: 0 };
  expect(chain.run(alice, { type: "SubtensorModule", value: { type: "burned_register", value: root } })).toBe(
    "RegistrationNotPermittedOnRootSubnet",
  );
  const limited = { ...elsewhere, netuid, limit_price: 1n };
  expect(chain.run(alice, { type: "SubtensorModule", value: { type: "register_limit", value: limited } })).toBe(
    "RegistrationPriceLimitExceeded",
  );
});

test("a hotkey stays its coldkey's", () => {
  const chain = new TestChain({ stakesTao: [], parameters: { uidsMax: 1, immunityBlocks: 0 } });
  chain.run(alice, register(miners[0]!));
  // miner 1 takes the place of miner 0, whose owner is still Alice.
  chain.run(alice, register(miners[1]!));
  expect(chain.state.get(storage.Uids, netuid, accountOf(miners[0]!))).toBeUndefined();
  const fund = { dest: { type: "Id", value: accountOf(keypair("//Bob")) }, value: 100_000_000_000n } as const;
  expect(chain.run(alice, { type: "Balances", value: { type: "transfer_keep_alive", value: fund } })).toBe("ok");
  expect(chain.run(keypair("//Bob"), register(miners[0]!))).toBe("NonAssociatedColdKey");
});

test("when full, the lowest emission outside immunity goes, and leaves nothing behind", () => {
  const chain = new TestChain({ parameters: { uidsMax: 4, immunityBlocks: 20, tempoBlocks: 10 } });
  for (const miner of miners.slice(0, 3)) expect(chain.run(alice, register(miner))).toBe("ok");
  expect(chain.run(alice, register(miners[3]!))).toBe("NoNeuronIdAvailable");
  // Miner 1 (uid 2) earns nothing; miners 0 and 2 do.
  chain.run(
    validator(0),
    weights([
      [1, 1],
      [3, 2],
    ]),
  );
  chain.blocks(40);
  const emission = chain.state.get(storage.Emission, netuid);
  expect(emission[2]).toBe(0n);
  expect(emission[1]! > 0n && emission[3]! > emission[1]!).toBe(true);
  expect(chain.run(alice, register(miners[3]!))).toBe("ok");
  expect(chain.state.get(storage.Keys, netuid, 2)).toBe(accountOf(miners[3]!));
  expect(chain.state.get(storage.Uids, netuid, accountOf(miners[1]!))).toBeUndefined();
  expect(chain.state.get(storage.IsNetworkMember, accountOf(miners[1]!), netuid)).toBe(false);
  expect(chain.state.get(storage.Incentive, netuid)[2]).toBe(0);
  expect(chain.state.get(storage.SubnetworkN, netuid)).toBe(4);
  // The newcomer is immune now, so the next lowest outside immunity is the poorer of the earning miners: uid 1.
  expect(chain.run(alice, register(miners[4]!))).toBe("ok");
  expect(chain.state.get(storage.Uids, netuid, accountOf(miners[4]!))).toBe(1);
});
