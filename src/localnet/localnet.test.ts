/** The whole local subnet as real processes: started, used, killed, started again. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../base/self.ts";
import { encodeSs58, keypairFromUri } from "../chain/keypair.ts";
import { openWallet } from "../chain/wallet.ts";
import { createRepository, listFiles } from "../hub/client.ts";
import { connectHub } from "../hub/connection.ts";

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "localnet-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

interface Up {
  readonly chain: string;
  readonly hub: string;
  readonly token: string;
  readonly netuid: number;
  readonly faucet: string;
  readonly validator: string;
  readonly wallet: { readonly path: string; readonly name: string; readonly hotkey: string };
}

async function up(dir: string) {
  const child = Bun.spawn([...selfCommand("localnet", "up", "--dir", dir, "--json")], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  return { child, ready: JSON.parse(new TextDecoder().decode(value)) as Up };
}

/** Calls a method of the chain; null when nobody listens. */
async function rpc(url: string, method: string): Promise<unknown> {
  const socket = new WebSocket(url);
  return new Promise((resolve) => {
    socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [] }));
    socket.onmessage = ({ data }) => {
      resolve(JSON.parse(String(data)).result);
      socket.close();
    };
    socket.onerror = () => resolve(null);
  });
}

async function gone({ chain, hub }: Up): Promise<void> {
  while ((await rpc(chain, "chain_getHeader")) !== null) await Bun.sleep(20);
  while (
    await fetch(hub).then(
      () => true,
      () => false,
    )
  )
    await Bun.sleep(20);
}

const blockOf = (header: unknown) => Number((header as { number: string }).number);

test("starts, dies with a killed parent, and goes on with its blocks, tokens and repositories", async () => {
  const dir = join(scratch, "subnet");
  const first = await up(dir);
  expect(Object.keys(first.ready)).toEqual(["chain", "hub", "token", "netuid", "faucet", "validator", "wallet"]);
  const wallet = await openWallet(first.ready.wallet);
  const address = (uri: string) => encodeSs58(keypairFromUri(uri).publicKey);
  expect(wallet.coldkeyAddress).toBe(address(first.ready.faucet));
  expect(wallet.hotkeyAddress).toBe(address(first.ready.validator));
  expect(await wallet.unlock("hotkey", async () => "").then((key) => key.ss58Address)).toBe(wallet.hotkeyAddress!);

  const hub = connectHub({ url: first.ready.hub, token: first.ready.token });
  expect((await createRepository(hub, { repo: "local/model", private: true })).kind).toBe("ok");
  let block = 0;
  while (block < 2) block = blockOf(await rpc(first.ready.chain, "chain_getHeader"));

  first.child.kill("SIGKILL");
  await first.child.exited;
  await gone(first.ready);

  const second = await up(dir);
  expect(second.ready.token).toBe(first.ready.token);
  expect(blockOf(await rpc(second.ready.chain, "chain_getHeader"))).toBeGreaterThanOrEqual(block);
  const again = connectHub({ url: second.ready.hub, token: second.ready.token });
  expect((await listFiles(again, { repo: "local/model", revision: "main" })).kind).toBe("ok");

  const third = Bun.spawn([...selfCommand("localnet", "up", "--dir", dir)], { stdout: "ignore", stderr: "pipe" });
  expect(await third.exited).toBe(2);
  expect(await new Response(third.stderr).text()).toContain("A local subnet is running in");

  second.child.kill("SIGTERM");
  expect(await second.child.exited).toBe(0);
  await gone(second.ready);
}, 30_000);

test("a part that cannot start is named with its log", async () => {
  const dir = join(scratch, "broken");
  await Bun.write(join(dir, "hub"), "not a folder");
  const child = Bun.spawn([...selfCommand("localnet", "up", "--dir", dir)], { stdout: "ignore", stderr: "pipe" });
  expect(await child.exited).toBe(1);
  const said = await new Response(child.stderr).text();
  expect(said).toContain("The local hub does not start");
  expect(said).toContain(join(dir, "hub.log"));
}, 30_000);
