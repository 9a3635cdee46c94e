/** What the commands that talk to the chain share: connecting, whose key signs, and saying what became of a call. */
import { OperatorError } from "../base/errors.ts";
import { onInterrupt } from "../base/interrupt.ts";
import { log } from "../base/log.ts";
import { type ChainClient, connectChain } from "../chain/client.ts";
import { decodeSs58, type Keypair, keypairFromUri } from "../chain/keypair.ts";
import { endpointsOf } from "../chain/networks.ts";
import type { Submission } from "../chain/submission.ts";
import { type KeyRole, openWallet } from "../chain/wallet.ts";
import type { Netuid, Ss58 } from "../subnet.ts";
import { exitCode } from "./command.ts";
import { print, printJson } from "./output.ts";
import { passwordSource } from "./password.ts";
import { settingArgs, settingOf } from "./settings.ts";
import { integer } from "./values.ts";
import { locationOf } from "./wallet-location.ts";

type Args = Readonly<Record<string, unknown>>;

export const chainArgs = settingArgs("network", "netuid");
export const walletArgs = settingArgs("wallet.name", "wallet.hotkey", "wallet.path");

export const jsonArg = { type: "boolean", description: "print one JSON document" } as const;

export const uriArg = {
  type: "string",
  valueHint: "//NAME",
  description: "sign with a development key such as //Alice instead of the wallet's",
} as const;

export function netuidOf(args: Args): Netuid {
  return integer(settingOf("netuid", args), { flag: "netuid", min: 0, max: 65_535 });
}

/** Connects, works, and closes, whatever happens. Ctrl-C ends it. */
export async function withChain<T>(
  args: Args,
  work: (chain: ChainClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = onInterrupt();
  const chain = await connect(args, signal);
  try {
    return await work(chain, signal);
  } finally {
    chain.close();
  }
}

/** A connection that the caller closes. */
export function connect(args: Args, signal: AbortSignal): Promise<ChainClient> {
  const warnings = { info: () => {}, warn: (text: string) => log.warn(text) };
  return connectChain({ endpoints: endpointsOf(settingOf("network", args)), signal, log: warnings });
}

/** The key that signs: a development key where --uri names one, else the wallet's. */
export async function signerOf(args: Args, role: KeyRole): Promise<Keypair> {
  if (typeof args.uri === "string") return developmentKey(args.uri);
  return await (await openWallet(locationOf(args))).unlock(role, passwordSource());
}

/** The address of the wallet's key, or of the development key; nothing secret is read from the wallet. */
export async function addressOf(args: Args, role: KeyRole): Promise<Ss58> {
  if (typeof args.uri === "string") return developmentKey(args.uri).ss58Address;
  const wallet = await openWallet(locationOf(args));
  const address = role === "coldkey" ? wallet.coldkeyAddress : wallet.hotkeyAddress;
  if (address === undefined)
    throw new OperatorError(
      `The wallet ${wallet.name} has no ${role} that can be read.`,
      role === "hotkey" ? "Name another with --wallet.hotkey." : "Name another with --wallet.name.",
    );
  return address;
}

/** An address given on the command line. */
export function checkedAddress(text: string): Ss58 {
  if (decodeSs58(text) === undefined)
    throw new OperatorError(`\`${text}\` is not an address of this network.`, "Give an SS58 address such as 5Grw….");
  return text;
}

/** Prints what became of a call; the exit code says whether it took effect. */
export function reportSubmission(submission: Submission, { json, done }: { json: boolean; done: string }): number {
  if (json) printJson(jsonOf(submission));
  else if (submission.kind === "finalised")
    print(`${done}, in block ${submission.block} (extrinsic ${submission.extrinsicHash}).`);
  else if (submission.kind === "refused") print(`Refused. ${submission.error}: ${submission.sentence}`);
  else print(`Unknown: ${submission.sentence} Extrinsic ${submission.pending.extrinsicHash} may still take effect.`);
  return submission.kind === "finalised" ? exitCode.success : exitCode.failure;
}

/** A value as JSON carries it: integers beyond 53 bits as decimal text, bytes as hex. */
export function jsonOf(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return `0x${value.toHex()}`;
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  return value;
}

/** Rao as TAO with 4 digits, or all nine where that would show nothing. */
export function tao(rao: bigint): string {
  const amount = Number(rao) / 1e9;
  return amount !== 0 && Math.abs(amount) < 0.0001 ? amount.toFixed(9) : amount.toFixed(4);
}

/** A phrase on the command line would stand in the list of processes and in the shell's history. */
function developmentKey(uri: string): Keypair {
  if (!/^\/\/[^\s]+$/.test(uri))
    throw new OperatorError(
      "--uri takes development keys only.",
      "Write //Alice or the like; real keys belong in a wallet (`finetune wallet create`).",
    );
  return keypairFromUri(uri);
}
