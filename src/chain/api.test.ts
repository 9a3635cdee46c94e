/** @polkadot/api has no connection of its own: what it asks by itself shares the deadlines and endpoints of ours. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { type FaultyEndpoint, startFaultyEndpoint } from "../../test/support/faulty-endpoint.ts";
import { type RunningChain, startChain } from "../localnet/chain/server.ts";
import { type ApiSource, openApi } from "./api.ts";
import { defaultDeadlines } from "./deadlines.ts";
import { Link } from "./link.ts";
import { type Ask, readMetadata } from "./node.ts";

setDefaultTimeout(60_000);

let chain: RunningChain;
let faulty: FaultyEndpoint;
let link: Link;
let source: ApiSource;

beforeAll(async () => {
  chain = await startChain({ blockMs: 100, netuid: 7, neurons: [{ coldkeyUri: "//Validator", stakeTao: 1000 }] });
});
afterAll(() => chain.close());
beforeEach(async () => {
  faulty = startFaultyEndpoint(chain.url);
  const deadlines = { ...defaultDeadlines, requestMs: 600, readMs: 2000, backoffMs: 20 };
  link = await Link.open({ endpoints: [faulty.url], deadlines });
  const { genesisHash, chainName, version } = link;
  source = { genesisHash, chainName, version, metadata: await readMetadata(ask, link.latest("best").hash) };
});
afterEach(async () => {
  link.close();
  await faulty.close();
});

const ask: Ask = (method, params) => link.read(method, params);

test("it costs no request to be made, and writes nothing", async () => {
  const written = (["log", "warn", "error"] as const).map((kind) => spyOn(console, kind).mockImplementation(() => {}));
  const nobody: Ask = (method) => Promise.reject(new Error(`${method} was asked`));
  const api = await openApi(nobody, { ...source, version: { ...source.version, specVersion: 425 } });
  expect(api.runtimeVersion.specVersion.toNumber()).toBe(425);
  expect(api.genesisHash.toHex()).toBe(chain.genesisHash as `0x${string}`);
  for (const writing of written) {
    expect(writing).not.toHaveBeenCalled();
    writing.mockRestore();
  }
});

test("what it asks is asked again when the connection breaks off under it", async () => {
  const api = await openApi(ask, source);
  let cuts = 0;
  faulty.misbehave({ onRequest: ({ method }) => (method === "system_health" && cuts++ < 2 ? "cut" : undefined) });
  expect((await api.rpc.system.health()).toJSON()).toMatchObject({ isSyncing: false });
  expect(cuts).toBe(3);
});

test("it subscribes to nothing: heads and upgrades are followed by the connection", async () => {
  const api = await openApi(ask, source);
  await Bun.sleep(300);
  expect(faulty.requests.map(({ method }) => method)).not.toContain("state_subscribeRuntimeVersion");
  expect(api.hasSubscriptions).toBe(false);
});
