/** A chain that is killed goes on where it was; a chain of another shape is refused. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shiftedClock } from "../../../test/support/shifted-clock.ts";
import { OperatorError } from "../../base/errors.ts";
import { selfCommand } from "../../base/self.ts";
import { alice, netuid, register, TestChain } from "./chain.fixture.ts";
import { accountOf, keypair } from "./extrinsic.fixture.ts";
import { subtensorStorage as storage } from "./pallets/subtensor-storage.ts";
import { startChain } from "./server.ts";

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "chain-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function rpc(url: string, method: string, ...params: unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const response = await fetch(url.replace("ws:", "http:"), { method: "POST", body });
  return ((await response.json()) as { result: unknown }).result;
}

async function start(folder: string, variables: Readonly<Record<string, string>> = {}) {
  const command = selfCommand(
    "localnet",
    "chain",
    "--dir",
    folder,
    "--json",
    "--block-ms",
    "50",
    "--validator",
    "//V0=10",
  );
  const env = { ...process.env, ...variables };
  const child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const { value } = await child.stdout.getReader().read();
  return { child, ...(JSON.parse(new TextDecoder().decode(value)) as { url: string; genesisHash: string }) };
}

test("kill -9 loses no block and no history", async () => {
  const folder = join(scratch, "killed");
  let head: { number: string } = { number: "0x0" };
  let genesis: string | undefined;
  const hashes = new Map<number, unknown>();
  for (let kills = 0; kills < 3; kills++) {
    const { child, url, genesisHash } = await start(folder);
    expect(genesisHash).toBe((genesis ??= genesisHash));
    for (const [number, hash] of hashes) expect(await rpc(url, "chain_getBlockHash", number)).toBe(hash);
    const from = Number(head.number);
    do {
      head = (await rpc(url, "chain_getHeader")) as { number: string };
    } while (Number(head.number) < from + 5);
    const number = Number(head.number);
    const hash = await rpc(url, "chain_getBlockHash", number);
    hashes.set(number, hash);
    // System.Number at that block, read by its hash: history survives too.
    const key = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac";
    expect(await rpc(url, "state_getStorage", key, hash)).toBe(littleEndian(number));
    child.kill("SIGKILL");
    await child.exited;
  }
}, 30_000);

test("a clock that is set back stops neither the blocks nor their time, not even over a restart", async () => {
  const clock = shiftedClock(join(scratch, "clock"));
  const times: number[] = [];
  for (const hours of [-1, -48]) {
    const { child, url } = await start(join(scratch, "clocked"), clock.variables);
    try {
      const first = Number(((await rpc(url, "chain_getHeader")) as { number: string }).number);
      clock.set(hours * 3_600_000);
      for (let number = first; number < first + 5; ) {
        number = Number(((await rpc(url, "chain_getHeader")) as { number: string }).number);
        // Timestamp.Now, which nothing has set before the first block.
        const key = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";
        const stored = (await rpc(url, "state_getStorage", key)) as string | null;
        if (stored !== null) times.push(Number(Buffer.from(stored.slice(2), "hex").readBigUInt64LE()));
      }
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  }
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)! - times[0]!).toBeLessThan(3_600_000);
}, 60_000);

test("two processes do not build on one folder", async () => {
  const folder = join(scratch, "shared");
  const first = await startChain({ folder });
  await expect(startChain({ folder })).rejects.toThrow(OperatorError);
  await first.close();
  await (await startChain({ folder })).close();
});

test("a chain is not continued with another block time, since clients keep its metadata", async () => {
  const folder = join(scratch, "paced");
  await (await startChain({ folder, blockMs: 500 })).close();
  await expect(startChain({ folder, blockMs: 250 })).rejects.toThrow("another block time");
});

test("two new chains differ from the first hash on", async () => {
  const chains = [await startChain(), await startChain()];
  expect(chains[0]!.genesisHash).not.toBe(chains[1]!.genesisHash);
  for (const chain of chains) await chain.close();
});

test("an old state is whole until it is forgotten, and then said to be", () => {
  const chain = new TestChain({ options: { historyBlocks: 50 } });
  const miner = keypair("//Miner");
  chain.run(alice, register(miner));
  const registered = chain.chain.head;
  chain.blocks(60);
  const before = chain.chain.stateAt(chain.chain.hashOf(registered.number - 1)!);
  const after = chain.chain.stateAt(registered.hash);
  if (before === undefined || before === "discarded" || after === undefined || after === "discarded") throw new Error();
  expect(before.state.get(storage.Uids, netuid, accountOf(miner))).toBeUndefined();
  expect(after.state.get(storage.Uids, netuid, accountOf(miner))).toBe(1);
  chain.blocks(140);
  expect(chain.chain.stateAt(registered.hash)).toBe("discarded");
  const recent = chain.chain.stateAt(chain.chain.hashOf(chain.chain.head.number - 40)!);
  if (recent === undefined || recent === "discarded") throw new Error();
  expect(recent.state.get(storage.Uids, netuid, accountOf(miner))).toBe(1);
});

function littleEndian(number: number): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number, true);
  return `0x${bytes.toHex()}`;
}
