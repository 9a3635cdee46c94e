/** `startChain`: a local chain on a socket, with blocks at a pace, from what an operator or the local subnet asks for. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { OperatorError } from "../../base/errors.ts";
import { type FileLock, lockFile } from "../../base/file-lock.ts";
import { decodeSs58, keypairFromUri } from "../../chain/keypair.ts";
import type { Netuid, Ss58 } from "../../subnet.ts";
import { apis } from "./apis/index.ts";
import { Chain } from "./chain.ts";
import { startClock } from "./clock.ts";
import { FaultInjector, type Faults, noFaults, reorgFinalityLagBlocks } from "./faults.ts";
import { type GenesisNeuron, newSubnet, type SubnetParameters } from "./genesis.ts";
import { serveRpc } from "./rpc/server.ts";
import type { Account } from "./types/substrate.ts";

/** A neuron of the first block. Without a hotkey its own is derived: `<coldkeyUri>//hotkey`. */
export interface NeuronAtGenesis {
  readonly coldkeyUri: string;
  readonly hotkey?: Ss58;
  /** Stake on the hotkey; with any, it holds a validator permit from the start. 0 makes a miner. */
  readonly stakeTao: number;
}

export interface ChainServerOptions {
  /** Where the chain is kept and continued from; undefined: nowhere. */
  readonly folder?: string;
  /** 0, the default: any free port. */
  readonly port?: number;
  readonly hostname?: string;
  readonly blockMs?: number;
  /** The rest makes the first block and counts only where the folder holds no chain yet. */
  readonly netuid?: Netuid;
  readonly subnetName?: string;
  /** The account with plenty of TAO; `//Alice` without. */
  readonly faucetUri?: string;
  readonly faucetTao?: number;
  /** More accounts with TAO. */
  readonly balances?: readonly { readonly address: Ss58; readonly tao: number }[];
  readonly neurons?: readonly NeuronAtGenesis[];
  readonly parameters?: Partial<SubnetParameters>;
  /** How many blocks back the state stays readable. */
  readonly historyBlocks?: number;
  /** What to do wrong; nothing without. */
  readonly faults?: Faults;
  readonly faultSeed?: number;
}

export interface RunningChain {
  /** ws://127.0.0.1:… */
  readonly url: string;
  readonly netuid: Netuid;
  readonly genesisHash: string;
  readonly chain: Chain;
  /** Resolves with what ended the blocks, where it was not `close`: a disk that is full, for example. */
  readonly failed: Promise<unknown>;
  readonly close: () => Promise<void>;
}

const defaults = {
  port: 0,
  hostname: "127.0.0.1",
  blockMs: 250,
  netuid: 1,
  subnetName: "finetune",
  faucetUri: "//Alice",
  faucetTao: 1_000_000,
  historyBlocks: 4096,
  faults: noFaults,
  faultSeed: 0,
} satisfies ChainServerOptions;
/** The subnet's owner: its cut is staked on a hotkey of its own, which is not registered. */
const ownerUri = "//Owner";

/** Starts or continues a chain. Throws `OperatorError` for a key that cannot be read or a folder of another chain. */
export async function startChain(options: ChainServerOptions = {}): Promise<RunningChain> {
  await cryptoWaitReady();
  const settings = { ...defaults, ...options };
  const lock = settings.folder === undefined ? undefined : lockFolder(settings.folder);
  let chain: Chain | undefined;
  try {
    chain = openChain(settings);
    return await serve(chain, settings, () => lock?.release());
  } catch (error) {
    chain?.close();
    lock?.release();
    throw error;
  }
}

type Settings = ChainServerOptions & typeof defaults;

function openChain(settings: Settings): Chain {
  return new Chain({
    folder: settings.folder,
    blockMs: settings.blockMs,
    historyBlocks: settings.historyBlocks,
    finalityLagBlocks: settings.faults.reorgEveryBlocks > 0 ? reorgFinalityLagBlocks : 0,
    apis,
    genesis: {
      netuid: settings.netuid,
      subnetName: settings.subnetName,
      owner: { coldkey: accountFromUri(ownerUri), hotkey: accountFromUri(`${ownerUri}//hotkey`) },
      balances: balancesOf(settings),
      neurons: (settings.neurons ?? []).map(neuronOf),
      parameters: { ...newSubnet, ...settings.parameters },
    },
  });
}

async function serve(chain: Chain, settings: Settings, release: () => void): Promise<RunningChain> {
  const { hostname, port, blockMs, faults, faultSeed } = settings;
  const server = serveRpc(chain, { hostname, port, faults: new FaultInjector(faults, faultSeed) });
  const failed = Promise.withResolvers<unknown>();
  let stop: () => void;
  try {
    stop = pace(chain, { blockMs, faults, fail: failed.resolve });
  } catch (error) {
    // A server that listens would keep the process alive, with nobody to serve.
    await server.close();
    throw error;
  }
  return {
    url: `ws://${hostname}:${server.port}`,
    netuid: chain.netuid,
    genesisHash: chain.genesisHash,
    chain,
    failed: failed.promise,
    close: async () => {
      stop();
      await server.close();
      chain.close();
      release();
    },
  };
}

interface Pace {
  readonly blockMs: number;
  readonly faults: Faults;
  /** Told once what a block failed with; no more come then. */
  readonly fail: (error: unknown) => void;
}

/** Produces blocks on a fixed grid of time. A machine that was asleep or busy skips slots and does not catch up. */
function pace(chain: Chain, { blockMs, faults, fail }: Pace): () => void {
  const clock = startClock(chain.timeMs + 1);
  let due = clock() + blockMs;
  let timer = setTimeout(tick, blockMs);
  function tick() {
    const now = clock();
    try {
      const { number } = chain.produce(now);
      if (faults.stallMs > 0 && isDue(number, faults.stallEveryBlocks)) due += faults.stallMs;
      // The block that wins is another one: a later time makes another hash.
      if (isDue(number, faults.reorgEveryBlocks) && chain.retract()) chain.produce(now + 1);
    } catch (error) {
      fail(error);
      return;
    }
    due += blockMs;
    if (due < now) due = now + blockMs;
    timer = setTimeout(tick, Math.max(0, due - clock()));
  }
  return () => clearTimeout(timer);
}

function isDue(number: number, everyBlocks: number): boolean {
  return everyBlocks > 0 && number % everyBlocks === 0;
}

/** Two processes that build on the same blocks would corrupt them. */
function lockFolder(folder: string): FileLock {
  mkdirSync(folder, { recursive: true });
  const lock = lockFile(join(folder, "chain.lock"), "exclusive");
  if (lock !== undefined) return lock;
  throw new OperatorError(`A chain is running in ${folder}.`, "End it first, or give another folder.");
}

function balancesOf({ faucetUri, faucetTao, balances = [] }: Settings) {
  const faucet = { account: accountFromUri(faucetUri), rao: raoOf(faucetTao) };
  return [faucet, ...balances.map(({ address, tao }) => ({ account: accountOf(address), rao: raoOf(tao) }))];
}

function neuronOf({ coldkeyUri, hotkey, stakeTao }: NeuronAtGenesis): GenesisNeuron {
  return {
    coldkey: accountFromUri(coldkeyUri),
    hotkey: hotkey === undefined ? accountFromUri(`${coldkeyUri}//hotkey`) : accountOf(hotkey),
    stakeRao: raoOf(stakeTao),
  };
}

function accountFromUri(uri: string): Account {
  return `0x${keypairFromUri(uri).publicKey.toHex()}`;
}

function accountOf(address: Ss58): Account {
  const key = decodeSs58(address);
  if (key === undefined)
    throw new OperatorError(`${address} is not an SS58 address.`, "Give an address such as 5Grw….");
  return `0x${key.toHex()}`;
}

function raoOf(tao: number): bigint {
  return BigInt(Math.round(tao * 1e9));
}
