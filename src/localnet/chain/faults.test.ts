/** Faults on demand: how they are asked for, and that they happen. */
import { expect, test } from "bun:test";
import { alice, register, TestChain } from "./chain.fixture.ts";
import { keypair } from "./extrinsic.fixture.ts";
import { noFaults, parseFaults } from "./faults.ts";
import { startChain } from "./server.ts";

test("what is asked for is understood, or refused", () => {
  expect(parseFaults("rpc-drop=0.05,latency=200ms,stall=30s,reorg")).toEqual({
    ...noFaults,
    rpcDrop: 0.05,
    latencyMs: 200,
    stallMs: 30_000,
    reorgEveryBlocks: 20,
  });
  expect(parseFaults("stall=1.5s@7, reorg@3, cut=1")).toMatchObject({
    stallMs: 1500,
    stallEveryBlocks: 7,
    reorgEveryBlocks: 3,
    cut: 1,
  });
  expect(parseFaults("")).toEqual(noFaults);
  for (const wrong of ["rpc-drop", "rpc-drop=2", "latency=5", "stall", "reorg=1", "flood=1", "latency=1s@4", "="]) {
    expect(parseFaults(wrong)).toBeNull();
  }
});

test("a reorg takes the newest block back; its extrinsics are in the one that wins", () => {
  const chain = new TestChain({ options: { finalityLagBlocks: 2 } });
  chain.blocks(5);
  const fates: string[] = [];
  const submitted = chain.submit(alice, register(keypair("//Miner")));
  if ("code" in submitted) throw new Error(submitted.data);
  chain.chain.follow(submitted.extrinsic.hash, ({ type }) => fates.push(type));
  const lost = chain.block();
  expect(chain.chain.finalised.number).toBe(lost.number - 2);
  expect(chain.chain.retract()).toBe(true);
  expect(chain.chain.hashOf(lost.number)).toBeUndefined();
  const won = chain.block();
  expect(won.number).toBe(lost.number);
  expect(won.hash).not.toBe(lost.hash);
  expect(won.extrinsics.at(-1)!.toHex()).toBe(submitted.extrinsic.bytes.toHex());
  expect(fates).toEqual(["inBlock", "retracted", "inBlock"]);
  chain.blocks(2);
  expect(fates.at(-1)).toBe("finalized");
});

test("without reorgs nothing can be taken back", () => {
  const chain = new TestChain();
  chain.blocks(3);
  expect(chain.chain.retract()).toBe(false);
});

test("requests are lost, sockets are cut, answers are late", async () => {
  const ask = async (fault: string) => {
    const chain = await startChain({ faults: parseFaults(fault)! });
    const socket = new WebSocket(chain.url);
    const began = performance.now();
    const outcome = await new Promise<string>((resolve) => {
      socket.onopen = () => {
        socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "system_chain", params: [] }));
        if (fault.startsWith("rpc-drop")) setTimeout(() => resolve("lost"), 300);
      };
      socket.onmessage = () => resolve("answered");
      socket.onclose = () => resolve("cut");
    });
    socket.close();
    await chain.close();
    return { outcome, ms: performance.now() - began };
  };
  expect((await ask("rpc-drop=1")).outcome).toBe("lost");
  expect((await ask("cut=1")).outcome).toBe("cut");
  const late = await ask("latency=300ms");
  expect(late.outcome).toBe("answered");
  expect(late.ms).toBeGreaterThanOrEqual(300);
});
