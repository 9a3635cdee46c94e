/** Weights in two steps, by hash and by timelock, and extrinsics that travel encrypted. */
import { expect, test } from "bun:test";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { xxhashAsU8a } from "@polkadot/util-crypto";
import { timelockEncrypt } from "../../chain/timelock.ts";
import { revealHash } from "./calls/commit-reveal.ts";
import { alice, netuid, register, TestChain, validator } from "./chain.fixture.ts";
import { accountOf, keypair } from "./extrinsic.fixture.ts";
import { commitmentsStorage } from "./pallets/commitments.ts";
import { drandStorage } from "./pallets/drand.ts";
import type { RuntimeCall } from "./pallets/index.ts";
import { mevShieldStorage } from "./pallets/mev-shield.ts";
import { subtensorStorage as storage } from "./pallets/subtensor-storage.ts";
import { bytes, encode, struct, u16, u64, vec } from "./scale/type.ts";

const parameters = { commitReveal: true, tempoBlocks: 10 };
const secret = { netuid, mechanism: 0, uids: [0], values: [1], salt: [1, 2, 3], versionKey: 0n };

function commit(hash: string): RuntimeCall {
  return { type: "SubtensorModule", value: { type: "commit_weights", value: { netuid, commit_hash: hash } } };
}
function reveal({ uids, values, salt, versionKey } = secret): RuntimeCall {
  const value = { netuid, uids, values, salt, version_key: versionKey };
  return { type: "SubtensorModule", value: { type: "reveal_weights", value } };
}

test("the hash of a commit is that of the vectors", () => {
  const row = { netuid, mechanism: 0, uids: [0, 1], values: [10, 20], salt: [1, 2, 3, 4, 5, 6, 7, 8], versionKey: 0n };
  expect(revealHash(accountOf(alice), 1, row)).toBe(
    "0x2b41f9c14ecbad7a136cecbc4c82e2aa5b7d4e163e7cc2f3414b0f2ab757e597",
  );
});

test("a hash is revealed in the next epoch: not before, not after, not another's", () => {
  const chain = new TestChain({ parameters });
  chain.blocks(12);
  const hash = revealHash(accountOf(validator(0)), netuid, secret);
  expect(chain.run(validator(0), reveal())).toBe("Custom error: 16");
  expect(chain.run(validator(0), commit(hash))).toBe("ok");
  expect(chain.run(validator(0), reveal())).toBe("Custom error: 17");
  expect(chain.run(validator(0), reveal({ ...secret, values: [2] }))).toBe("Custom error: 16");
  while (chain.chain.head.number < 19) chain.block();
  expect(chain.run(validator(0), reveal())).toBe("ok");
  expect(chain.state.get(storage.Weights, netuid, 0)).toEqual([[0, 65_535]]);
  expect(chain.state.get(storage.WeightCommits, netuid, accountOf(validator(0)))).toBeUndefined();
  expect(chain.run(validator(0), commit(hash))).toBe("ok");
  chain.blocks(30);
  expect(chain.run(validator(0), reveal())).toBe("Custom error: 17");
});

test("more than ten unrevealed commits are too many", () => {
  const chain = new TestChain({ parameters: { ...parameters, tempoBlocks: 360 } });
  for (let value = 1; value <= 10; value++) {
    const hash = revealHash(accountOf(validator(0)), netuid, { ...secret, values: [value] });
    expect(chain.run(validator(0), commit(hash))).toBe("ok");
  }
  expect(chain.run(validator(0), commit(`0x${"11".repeat(32)}`))).toBe("TooManyUnrevealedCommits");
});

const payload = struct("Payload", { hotkey: bytes, uids: vec(u16), values: vec(u16), version_key: u64 });

function locked(chain: TestChain, by: Uint8Array, roundsAhead: bigint) {
  const { public_key: publicKey } = chain.state.get(drandStorage.BeaconConfig);
  const round = chain.state.get(drandStorage.LastStoredRound) + roundsAhead;
  const plain = encode(payload, { hotkey: by, uids: [0], values: [9], version_key: 0n });
  return { commit: timelockEncrypt(plain, { round, publicKey }), reveal_round: round, commit_reveal_version: 4 };
}
function timelocked(value: ReturnType<typeof locked>): RuntimeCall {
  return { type: "SubtensorModule", value: { type: "commit_timelocked_weights", value: { netuid, ...value } } };
}

test("a timelocked row opens by itself in its epoch, once the beacon has signed the round", () => {
  const chain = new TestChain({ parameters });
  chain.nowMs = Date.now();
  chain.blocks(12);
  const value = locked(chain, validator(0).publicKey, 3n);
  expect(chain.run(validator(0), timelocked({ ...value, commit_reveal_version: 3 }))).toBe(
    "IncorrectCommitRevealVersion",
  );
  expect(chain.run(validator(0), timelocked(value))).toBe("ok");
  expect(chain.state.get(storage.TimelockedWeightCommits, netuid, 1n)).toHaveLength(1);
  chain.blocks(3);
  expect(chain.state.get(storage.Weights, netuid, 0)).toEqual([]);
  chain.blocks(15);
  expect(chain.state.get(storage.Weights, netuid, 0)).toEqual([[0, 65_535]]);
  expect(chain.state.get(storage.TimelockedWeightCommits, netuid, 1n)).toEqual([]);
});

test("what another validator locked, or locked for another beacon, is dropped", () => {
  const chain = new TestChain({ stakesTao: [1000, 1000], parameters });
  chain.nowMs = Date.now();
  chain.blocks(12);
  expect(chain.run(validator(1), timelocked(locked(chain, validator(0).publicKey, 3n)))).toBe("ok");
  expect(
    chain.run(validator(0), timelocked({ ...locked(chain, validator(0).publicKey, 3n), commit: new Uint8Array(300) })),
  ).toBe("ok");
  chain.blocks(40);
  expect(chain.state.get(storage.Weights, netuid, 0)).toEqual([]);
  expect(chain.state.get(storage.Weights, netuid, 1)).toEqual([]);
  expect(chain.state.get(storage.TimelockedWeightCommits, netuid, 1n)).toEqual([]);
});

test("a timelocked commitment moves to the revealed ones", () => {
  const chain = new TestChain();
  chain.nowMs = Date.now();
  chain.blocks(2);
  const { public_key: publicKey } = chain.state.get(drandStorage.BeaconConfig);
  const revealRound = chain.state.get(drandStorage.LastStoredRound) + 2n;
  const message = encode(bytes, new TextEncoder().encode("hello"));
  const encrypted = timelockEncrypt(message, { round: revealRound, publicKey });
  const info = { fields: [{ type: "TimelockEncrypted", encrypted, revealRound }] } as const;
  const call = { type: "Commitments", value: { type: "set_commitment", value: { netuid, info } } } as const;
  expect(chain.run(validator(0), call)).toBe("ok");
  expect(chain.state.get(commitmentsStorage.CommitmentOf, netuid, accountOf(validator(0)))).toBeDefined();
  chain.blocks(16);
  expect(chain.state.get(commitmentsStorage.CommitmentOf, netuid, accountOf(validator(0)))).toBeUndefined();
  const [revealed] = chain.state.get(commitmentsStorage.RevealedCommitments, netuid, accountOf(validator(0)))!;
  expect(revealed![0].toHex()).toBe(message.toHex());
  expect(chain.state.get(commitmentsStorage.TimelockedIndex)).toEqual([]);
});

test("the space of commitments is a budget of each epoch", () => {
  const chain = new TestChain({ parameters: { tempoBlocks: 100 } });
  const info = { fields: [{ type: "BigRaw", bytes: new Uint8Array(512) }] } as const;
  const call = { type: "Commitments", value: { type: "set_commitment", value: { netuid, info } } } as const;
  for (let used = 0; used < 6; used++) expect(chain.run(validator(0), call)).toBe("ok");
  expect(chain.run(validator(0), call)).toBe("SpaceLimitExceeded");
  expect(chain.run(keypair("//Nobody"), call)).toBe("AccountNotAllowedCommit");
  chain.blocks(100);
  expect(chain.run(validator(0), call)).toBe("ok");
});

test("a shielded extrinsic runs behind its carrier, with its own events", () => {
  const chain = new TestChain();
  chain.block();
  const miner = keypair("//Shielded");
  const inner = chain.sign(alice, register(miner), { nonce: 1 });
  expect(chain.run(alice, carrier(shielded(chain, inner)))).toBe("ok");
  expect(chain.chain.body(chain.chain.head.hash)!.map((each) => each.toHex())).toContain(inner.toHex());
  expect(chain.state.get(storage.Uids, netuid, accountOf(miner))).toBe(1);
  expect(chain.run(alice, carrier(new Uint8Array(40)))).toBe("Custom error: 23");
  const other = shielded(chain, inner);
  other[0]! ^= 1;
  expect(chain.run(alice, carrier(other))).toBe("Custom error: 24");
});

function carrier(ciphertext: Uint8Array): RuntimeCall {
  return { type: "MevShield", value: { type: "submit_encrypted", value: { ciphertext } } };
}

function shielded(chain: TestChain, plain: Uint8Array): Uint8Array {
  const key = chain.state.get(mevShieldStorage.NextKey)!;
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(key);
  const nonce = crypto.getRandomValues(new Uint8Array(24));
  const body = xchacha20poly1305(sharedSecret, nonce).encrypt(plain);
  return Buffer.concat([xxhashAsU8a(key, 128), Uint8Array.of(64, 4), cipherText, nonce, body]);
}
