/**
 * A whole subnet on this machine: a chain, a hub and data sources as processes of this program, with accounts and wallets to use them,
 * everything under one folder. Started again on the same folder it goes on where it was.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { FailureError, OperatorError } from "../base/errors.ts";
import { type FileLock, lockFile } from "../base/file-lock.ts";
import type { WalletLocation } from "../chain/wallet.ts";
import type { Netuid } from "../subnet.ts";
import { type Part, startPart } from "./part.ts";
import { writeWallet } from "./wallets.ts";

/** A neuron of the first block, by the URI of its coldkey; its hotkey is `<uri>//hotkey`. */
export interface LocalNeuron {
  readonly uri: string;
  /** With any stake it holds a validator permit. */
  readonly stakeTao: number;
}

export interface LocalnetOptions {
  readonly dir: string;
  /** The chain's port; the hub and the data server have the next two. 0: any free ports. */
  readonly port?: number;
  readonly blockMs?: number;
  readonly netuid?: Netuid;
  readonly tempoBlocks?: number;
  readonly rateLimitBlocks?: number;
  readonly immunityBlocks?: number;
  /** How many neurons the subnet takes. */
  readonly uidsMax?: number;
  readonly commitReveal?: boolean;
  /** More neurons of the first block than the validator and the miner that have wallets. */
  readonly neurons?: readonly LocalNeuron[];
  /** Accounts of the hub besides `local`. */
  readonly hubAccounts?: readonly string[];
  /** What the hub does wrong, as `finetune localnet hub --fault` takes it. */
  readonly hubFaults?: string;
  /** Also serve datasets and W&B runs. */
  readonly data?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Localnet {
  readonly chainUrl: string;
  readonly hubUrl: string;
  /** The token of the hub's main account, `local`. */
  readonly token: string;
  readonly hubAccounts: readonly { readonly name: string; readonly token: string }[];
  /** Datasets and W&B, when asked for. */
  readonly dataUrl: string | undefined;
  readonly netuid: Netuid;
  /** Key URIs: a coldkey with plenty of TAO, and a hotkey with stake and a permit. */
  readonly faucet: string;
  readonly validator: string;
  /** Wallets of that coldkey: with the validator's hotkey, and with one that is registered without stake. */
  readonly validatorWallet: WalletLocation;
  readonly minerWallet: WalletLocation;
  /** Resolves with the name of a part that has ended although nobody closed it. */
  readonly broken: Promise<string>;
  close(): Promise<void>;
}

const faucet = "//Alice";
const minerHotkey = `${faucet}//miner`;
const validatorHotkey = `${faucet}//hotkey`;
const validatorStakeTao = 1000;

const dataReady = z.object({ url: z.string() });
const chainReady = z.object({ url: z.string(), netuid: z.number() });
const hubReady = z.object({
  url: z.string(),
  accounts: z.array(z.object({ name: z.string(), token: z.string() })).min(1),
});

/**
 * Starts everything and returns when it is ready. Throws `OperatorError` when the folder is in use or cannot be written,
 * `FailureError` when a part does not start, `InterruptedError` when the signal aborts before.
 */
export async function startLocalnet(options: LocalnetOptions): Promise<Localnet> {
  const dir = resolve(options.dir);
  const lock = await lockFolder(dir);
  const parts: Part[] = [];
  const close = async () => {
    await Promise.all(parts.map((part) => part.close()));
    lock.release();
  };
  try {
    const wallet = (name: string) => ({ path: join(dir, "wallets"), name, hotkey: "default" });
    const validatorWallet = wallet("validator");
    const minerWallet = wallet("miner");
    await writeWallet(validatorWallet, { coldkey: faucet, hotkey: validatorHotkey });
    const minerAddress = await writeWallet(minerWallet, { coldkey: faucet, hotkey: minerHotkey });
    const start = async (name: string, args: readonly string[]) => {
      const part = await startPart({ name, args, logFile: join(dir, `${name}.log`), signal: options.signal });
      parts.push(part);
      return part;
    };
    const starting = [
      start("chain", chainArgs(dir, options, minerAddress)),
      start("hub", hubArgs(dir, options)),
      ...(options.data ? [start("data", dataArgs(options))] : []),
    ] as const;
    // When one fails the others are still starting: all must be known before they can be closed.
    await Promise.allSettled(starting);
    const [chain, hub, data] = await Promise.all(starting);
    const { url: chainUrl, netuid } = chainReady.parse(chain.ready);
    const { url: hubUrl, accounts } = hubReady.parse(hub.ready);
    const dataUrl = data === undefined ? undefined : dataReady.parse(data.ready).url;
    const broken = Promise.race(parts.map((part) => part.ended.then(() => part.name)));
    return {
      chainUrl,
      hubUrl,
      token: accounts[0]!.token,
      hubAccounts: accounts,
      dataUrl,
      netuid,
      faucet,
      validator: validatorHotkey,
      validatorWallet,
      minerWallet,
      broken,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a broken subnet is to the operator. */
export function brokenError(part: string, dir: string): FailureError {
  return new FailureError(`The local ${part} has ended.`, `Its log is ${join(resolve(dir), `${part}.log`)}.`);
}

function chainArgs(dir: string, options: LocalnetOptions, minerAddress: string): string[] {
  const numbers = {
    "block-ms": options.blockMs ?? 250,
    netuid: options.netuid ?? 1,
    "tempo-blocks": options.tempoBlocks,
    "rate-limit-blocks": options.rateLimitBlocks,
    "immunity-blocks": options.immunityBlocks,
    "uids-max": options.uidsMax,
  };
  const neurons = [
    `${faucet}=${validatorStakeTao}`,
    `${faucet}:${minerAddress}=0`,
    ...(options.neurons ?? []).map(({ uri, stakeTao }) => `${uri}=${stakeTao}`),
  ];
  return [
    ...["localnet", "chain", "--child", "--json", "--dir", join(dir, "chain"), "--faucet", faucet],
    ...["--port", String(options.port ?? 0)],
    ...Object.entries(numbers).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, String(value)])),
    ...neurons.flatMap((neuron) => ["--validator", neuron]),
    ...(options.commitReveal ? ["--commit-reveal"] : []),
  ];
}

function hubArgs(dir: string, options: LocalnetOptions): string[] {
  return [
    ...["localnet", "hub", "--child", "--json", "--dir", join(dir, "hub")],
    ...["--port", String(options.port ? options.port + 1 : 0)],
    ...["local", ...(options.hubAccounts ?? [])].flatMap((name) => ["--account", name]),
    ...(options.hubFaults === undefined ? [] : ["--fault", options.hubFaults]),
  ];
}

function dataArgs(options: LocalnetOptions): string[] {
  const port = String(options.port ? options.port + 2 : 0);
  return ["localnet", "data", "--child", "--json", "--port", port, "--validator", validatorHotkey];
}

async function lockFolder(dir: string): Promise<FileLock> {
  try {
    await mkdir(dir, { recursive: true });
    const lock = lockFile(join(dir, "lock"), "exclusive");
    if (lock !== undefined) return lock;
  } catch (error) {
    throw new OperatorError(
      `${dir} cannot be written: ${error instanceof Error ? error.message : error}.`,
      "Give --dir a folder of yours.",
    );
  }
  throw new OperatorError(`A local subnet is running in ${dir}.`, "End it first, or give another --dir.");
}
