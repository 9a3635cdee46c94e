/** What the pool takes, what it keeps for later and what it refuses, in the node's words. */
import { expect, test } from "bun:test";
import { ed25519PairFromSeed, ed25519Sign } from "@polkadot/util-crypto";
import { alice, register, TestChain } from "./chain.fixture.ts";
import { keypair } from "./extrinsic.fixture.ts";
import type { RuntimeCall } from "./pallets/index.ts";

const remark: RuntimeCall = { type: "System", value: { type: "remark", value: { remark: Uint8Array.of(1) } } };
const mortal = (period: number, current: number) => ({ type: "Mortal", period, phase: current % period }) as const;

test("a signature must be the signer's, over this chain and this call", () => {
  const chain = new TestChain();
  chain.block();
  const good = chain.sign(alice, remark);
  const refusal = (bytes: Uint8Array) => {
    const result = chain.chain.submit(bytes);
    return "code" in result ? result.data : "taken";
  };
  const flipped = good.slice();
  flipped[flipped.length - 1]! ^= 1;
  expect(refusal(flipped)).toBe("Transaction has a bad signature");
  expect(refusal(new TestChain().sign(alice, remark))).toBe("Transaction has a bad signature");
  expect(refusal(good.slice(0, -1))).toBe("RuntimeApi");
  expect(refusal(new Uint8Array())).toBe("RuntimeApi");
  expect(refusal(good)).toBe("taken");
  expect(chain.chain.submit(good)).toMatchObject({ code: 1013 });
});

test("nonces: outdated, next, and one that waits for those before it", () => {
  const chain = new TestChain();
  expect(chain.submit(alice, remark, { nonce: 1 })).toMatchObject({ status: "future" });
  expect(chain.chain.nextNonce(`0x${alice.publicKey.toHex()}`)).toBe(0);
  chain.block();
  expect(chain.chain.body(chain.chain.head.hash)).toHaveLength(1);
  expect(chain.submit(alice, remark, { nonce: 0 })).toMatchObject({ status: "ready" });
  expect(chain.chain.nextNonce(`0x${alice.publicKey.toHex()}`)).toBe(2);
  expect(chain.submit(alice, register(keypair("//M")), { nonce: 1 })).toMatchObject({ code: 1014 });
  chain.block();
  expect(chain.chain.body(chain.chain.head.hash)).toHaveLength(3);
  expect(chain.submit(alice, register(keypair("//M")), { nonce: 1 })).toMatchObject({
    data: "Transaction is outdated",
  });
});

test("a mortal extrinsic is good for its era and no longer", () => {
  const chain = new TestChain();
  chain.blocks(5);
  expect(chain.run(alice, remark, { era: mortal(8, 5) })).toBe("ok");
  const late = chain.sign(alice, remark, { era: mortal(4, chain.chain.head.number) });
  chain.blocks(4);
  // Four blocks on, the same bytes name another block as their birth, which they were not signed over.
  expect(chain.chain.submit(late)).toMatchObject({ data: "Transaction has a bad signature" });
});

test("one that expires while it waits is told so", () => {
  const chain = new TestChain();
  chain.blocks(5);
  const submitted = chain.submit(alice, remark, { nonce: 1, era: mortal(4, 5) });
  if ("code" in submitted) throw new Error(submitted.data);
  const fates: string[] = [];
  chain.chain.follow(submitted.extrinsic.hash, ({ type }) => fates.push(type));
  chain.blocks(6);
  chain.run(alice, remark, { nonce: 0 });
  chain.block();
  expect(fates).toEqual(["invalid"]);
});

test("ed25519 accounts sign too", () => {
  const chain = new TestChain();
  const pair = ed25519PairFromSeed(new Uint8Array(32).fill(7));
  const key = `0x${pair.publicKey.toHex()}`;
  const fund = { dest: { type: "Id", value: key }, value: 10_000_000_000n } as const;
  expect(chain.run(alice, { type: "Balances", value: { type: "transfer_keep_alive", value: fund } })).toBe("ok");
  const signer = { publicKey: pair.publicKey, sign: (message: Uint8Array) => ed25519Sign(message, pair) };
  expect(chain.chain.submit(chain.sign(signer, remark, { scheme: "Ed25519" }))).toMatchObject({
    status: "ready",
  });
  expect(chain.chain.submit(chain.sign(signer, remark))).toMatchObject({ code: 1010 });
});
