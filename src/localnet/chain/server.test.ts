/** The chain on a socket, with @polkadot/api as it comes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ApiPromise, Keyring, WsProvider } from "@polkadot/api";
import type { SubmittableExtrinsic } from "@polkadot/api/types";
import type { ISubmittableResult } from "@polkadot/types/types";
import { type RunningChain, startChain } from "./server.ts";

type KeyringPair = ReturnType<Keyring["addFromUri"]>;

let chain: RunningChain;
let api: ApiPromise;
let pairs: Record<"alice" | "validator" | "miner" | "poor", KeyringPair>;

beforeAll(async () => {
  chain = await startChain({
    blockMs: 100,
    neurons: [{ coldkeyUri: "//V0", stakeTao: 1000 }],
    parameters: { tempoBlocks: 10, weightsRateLimitBlocks: 0 },
  });
  api = await ApiPromise.create({ provider: new WsProvider(chain.url), noInitWarn: true });
  const keyring = new Keyring({ type: "sr25519" });
  pairs = {
    alice: keyring.addFromUri("//Alice"),
    validator: keyring.addFromUri("//V0//hotkey"),
    miner: keyring.addFromUri("//Miner"),
    poor: keyring.addFromUri("//Poor"),
  };
});
afterAll(async () => {
  await api.disconnect();
  await chain.close();
});

/** Signs, watches to finalisation; the events of the extrinsic, or the name of its error. */
function send(extrinsic: SubmittableExtrinsic<"promise">, signer: KeyringPair): Promise<string[] | string> {
  return new Promise((resolve, reject) => {
    const onResult = ({ status, events, dispatchError }: ISubmittableResult) => {
      if (!status.isFinalized) return;
      const names = events.map(({ event }) => `${event.section}.${event.method}`);
      resolve(dispatchError?.isModule ? api.registry.findMetaError(dispatchError.asModule).name : names);
    };
    extrinsic.signAndSend(signer, onResult).catch(reject);
  });
}

/** `api.tx` and `api.query` by name: the types of this chain are known at run time only. */
const tx = (pallet: string, call: string, ...args: unknown[]) => api.tx[pallet]![call]!(...args);
const query = async (pallet: string, entry: string, ...args: unknown[]) =>
  (await api.query[pallet]![entry]!(...args)).toJSON();

async function raw(method: string, ...params: unknown[]): Promise<{ result?: unknown; error?: { code: number } }> {
  const response = await fetch(chain.url.replace("ws:", "http:"), {
    method: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return (await response.json()) as { result?: unknown; error?: { code: number } };
}

describe("a session", () => {
  test("registers, commits, sets weights, and is paid by the epoch", async () => {
    const registered = await send(tx("subtensorModule", "burnedRegister", 1, pairs.miner.address), pairs.alice);
    expect(registered).toContain("subtensorModule.NeuronRegistered");
    expect(registered).toContain("system.ExtrinsicSuccess");
    expect(await send(tx("subtensorModule", "burnedRegister", 1, pairs.miner.address), pairs.alice)).toBe(
      "HotKeyAlreadyRegisteredInSubNet",
    );
    const info = { fields: [{ Raw5: "hello" }] };
    expect(await send(tx("commitments", "setCommitment", 1, info), pairs.miner)).toContain("commitments.Commitment");
    expect(await query("commitments", "commitmentOf", 1, pairs.miner.address)).toMatchObject({
      info: { fields: [{ raw5: "0x68656c6c6f" }] },
    });
    const weights = tx("subtensorModule", "setMechanismWeights", 1, 0, [1], [7], 0);
    expect(await send(weights, pairs.validator)).toContain("subtensorModule.WeightsSet");
    expect(await query("subtensorModule", "weights", 1, 0)).toEqual([[1, 65_535]]);
    await untilBlock(Number(await query("system", "number")) + 21);
    const answer = await api.call.subnetInfoRuntimeApi!.getMetagraph!(1);
    const metagraph = answer.toJSON() as Record<string, unknown>;
    expect(metagraph.incentives).toEqual([0, 65_535]);
    expect(metagraph.validatorPermit).toEqual([true, true]);
    expect(metagraph.hotkeys).toEqual([pairs.validator.address, pairs.miner.address]);
    const lite = (await api.call.neuronInfoRuntimeApi!.getNeuronsLite!(1)).toJSON() as { uid: number }[];
    expect(lite.map(({ uid }) => uid)).toEqual([0, 1]);
  });

  test("is refused by the pool in the node's words", async () => {
    const call = tx("subtensorModule", "burnedRegister", 1, pairs.poor.address);
    await expect(send(call, pairs.poor)).rejects.toThrow("1010: Invalid Transaction: Inability to pay some fees");
    await expect(tx("system", "remark", "0x00").signAndSend(pairs.alice, { nonce: 0 })).rejects.toThrow(
      "1010: Invalid Transaction: Transaction is outdated",
    );
  });
});

describe("reading", () => {
  test("heads follow each other and are final at once", async () => {
    const heads: { number: number; parent: string; hash: string }[] = [];
    await new Promise<void>((resolve) => {
      const end = api.rpc.chain.subscribeFinalizedHeads((head) => {
        heads.push({ number: head.number.toNumber(), parent: head.parentHash.toHex(), hash: head.hash.toHex() });
        if (heads.length === 4) end.then((unsubscribe) => resolve(unsubscribe()));
      });
    });
    for (const [at, head] of heads.entries()) {
      if (at === 0) continue;
      expect(head.number).toBe(heads[at - 1]!.number + 1);
      expect(head.parent).toBe(heads[at - 1]!.hash);
    }
  });

  test("storage can be followed, and read at an earlier block", async () => {
    const seen: number[] = [];
    await new Promise<void>((resolve) => {
      const end = api.query.system!.number!((value: unknown) => {
        seen.push(Number(String(value)));
        if (seen.length === 3) end.then((unsubscribe) => resolve((unsubscribe as unknown as () => void)()));
      });
    });
    expect(seen[2]).toBe(seen[0]! + 2);
    const early = await api.at(await api.rpc.chain.getBlockHash(2));
    expect((await early.query.system!.number!()).toJSON()).toBe(2);
    expect((await early.query.timestamp!.now!()).toJSON()).toBeGreaterThan(1_600_000_000_000);
  });

  test("maps are walked by pages, in every spelling of the Python SDKs", async () => {
    const entries = await api.query.subtensorModule!.uids!.entries(1);
    expect(entries).toHaveLength(2);
    const prefix = api.query.subtensorModule!.uids!.keyPrefix(1);
    const first = (await raw("state_getKeysPaged", prefix, 1, prefix, null)).result as string[];
    const second = (await raw("state_getKeysPaged", prefix, 100, first[0], null)).result as string[];
    expect([...first, ...second].sort()).toEqual(entries.map(([key]) => key.toHex()).sort());
    const values = (await raw("state_queryStorageAt", [...first, `${prefix}00`], null)).result as {
      changes: [string, string | null][];
    }[];
    expect(values[0]!.changes[0]![1]).toMatch(/^0x/);
    expect(values[0]!.changes[1]![1]).toBeNull();
    expect((await raw("state_getStorageAt", first[0], null)).result).toBe(values[0]!.changes[0]![1]!);
    expect((await raw("chain_getHead")).result).toMatch(/^0x[0-9a-f]{64}$/);
    expect((await raw("account_nextIndex", pairs.alice.address)).result).toBeGreaterThan(0);
    expect((await raw("state_call", "NeuronInfoRuntimeApi_get_neurons_lite", "0100", null)).result).toMatch(/^0x08/);
    expect((await raw("chain_getBlockHash", 1_000_000)).result).toBeNull();
    const listed = (await raw("rpc_methods")).result as { methods: string[] };
    expect(listed.methods).toContain("account_nextIndex");
  });

  test("blocks decode, and each carries its time", async () => {
    const { block } = await api.rpc.chain.getBlock(await api.rpc.chain.getBlockHash(3));
    expect(block.extrinsics[0]!.method.section).toBe("timestamp");
    expect(block.header.number.toNumber()).toBe(3);
  });

  test("the real time between blocks is a constant, and fees are told", async () => {
    expect(api.consts.aura!.slotDuration!.toJSON()).toBe(100);
    const info = await tx("system", "remark", "0x00").paymentInfo(pairs.alice);
    expect(info.partialFee.toBigInt()).toBeGreaterThan(0n);
    const free = await tx("subtensorModule", "setWeights", 1, [0], [1], 0).paymentInfo(pairs.alice);
    expect(free.partialFee.toBigInt()).toBe(0n);
  });
});

describe("nonsense", () => {
  const cases: readonly (readonly [string, number, readonly unknown[]])[] = [
    ["author_rotateKeys", -32_601, []],
    ["constructor", -32_601, []],
    ["state_getStorage", -32_602, ["0xzz"]],
    ["state_getStorage", 4003, ["0x00", `0x${"00".repeat(32)}`]],
    ["state_getKeysPaged", 4002, ["0x", 100_000]],
    ["state_call", 4003, ["Core_execute_block", "0x"]],
    ["state_call", -32_602, ["SubnetInfoRuntimeApi_get_metagraph", "0x"]],
    ["author_submitExtrinsic", 1002, ["0x280403000b"]],
    ["chain_getHeader", -32_602, [5]],
  ];
  for (const [method, code, params] of cases) {
    test(`${method} ${JSON.stringify(params)} is ${code}`, async () => {
      expect((await raw(method, ...params)).error?.code).toBe(code);
    });
  }

  test("a text that is not JSON, and a batch", async () => {
    const post = async (body: string) =>
      (await fetch(chain.url.replace("ws:", "http:"), { method: "POST", body })).json() as Promise<unknown>;
    expect(await post("{")).toMatchObject({ error: { code: -32_700 } });
    expect(await post("[]")).toMatchObject({ error: { code: -32_600 } });
    const batch = [1, 2].map((id) => ({ jsonrpc: "2.0", id, method: "system_chain", params: [] }));
    expect(await post(JSON.stringify(batch))).toMatchObject([{ id: 1 }, { id: 2 }]);
  });
});

async function untilBlock(number: number): Promise<void> {
  while (chain.chain.head.number < number) await Bun.sleep(20);
}
