/**
 * Whether the local chain keeps its pace with a crowd: validators that follow the heads, read the metagraph and set
 * weights on every miner, and miners that commit, all on sockets of their own and all signing for themselves.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { selfCommand } from "../src/base/self.ts";
import type { Keypair } from "../src/chain/keypair.ts";
import { renderTable } from "../src/cli/output.ts";
import { keypair, type SigningChain, signed } from "../src/localnet/chain/extrinsic.fixture.ts";
import type { RuntimeCall } from "../src/localnet/chain/pallets/index.ts";

export interface CrowdFigures {
  readonly validators: number;
  readonly miners: number;
  readonly blocks: number;
  readonly blockMs: number;
  /** Between the first and the last head as the clients saw them. */
  readonly blockMsMean: number;
  /** The longest time between two heads. */
  readonly blockMsMax: number;
  readonly extrinsics: number;
  readonly refused: number;
  readonly requests: number;
  /** From asking for a metagraph to having it, on average. */
  readonly metagraphMsMean: number;
  /** Processor time of the chain's process for each block. */
  readonly cpuMsPerBlock: number;
}

interface CrowdOptions {
  readonly validators: number;
  readonly miners: number;
  readonly blocks: number;
  readonly blockMs: number;
}

const netuid = 1;
/** Each client acts once in so many blocks, spread evenly: a validator's rate limit here, a miner's patience. */
const weightsEveryBlocks = 20;
const commitEveryBlocks = 100;

export async function benchCrowd(options: Partial<CrowdOptions> = {}): Promise<CrowdFigures> {
  const crowd = { validators: 100, miners: 256, blocks: 120, blockMs: 250, ...options };
  await cryptoWaitReady();
  const folder = mkdtempSync(join(tmpdir(), "bench-crowd-"));
  const child = Bun.spawn([...chainCommand(folder, crowd)], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  try {
    const { value } = await child.stdout.getReader().read();
    const { url } = JSON.parse(new TextDecoder().decode(value)) as { url: string };
    const startMs = cpuMsOf(child.pid);
    const figures = await runCrowd(url, crowd);
    const cpuMsPerBlock = (cpuMsOf(child.pid) - startMs) / crowd.blocks;
    child.kill("SIGTERM");
    await child.exited;
    return { ...crowd, ...figures, cpuMsPerBlock };
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

/** Processor time of a process so far, from Linux's accounting in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function chainCommand(folder: string, { validators, miners, blockMs }: CrowdOptions) {
  const neurons = [
    ...Array.from({ length: validators }, (_, index) => `//Validator${index}=${1000 + index}`),
    ...Array.from({ length: miners }, (_, index) => `//Miner${index}=0`),
  ];
  const limits = ["--uids-max", `${validators + miners}`, "--validators-max", `${validators}`, "--tempo-blocks", "40"];
  return selfCommand(
    ...["localnet", "chain", "--json", "--dir", folder, "--block-ms", `${blockMs}`, ...limits],
    ...["--rate-limit-blocks", `${weightsEveryBlocks}`, ...neurons.flatMap((neuron) => ["--validator", neuron])],
  );
}

async function runCrowd(url: string, { validators, miners, blocks }: CrowdOptions) {
  const sockets = await Promise.all(Array.from({ length: validators + miners }, () => Socket.open(url)));
  const chain = await signingChain(sockets[0]!);
  const counts = { extrinsics: 0, refused: 0, metagraphs: 0, metagraphMs: 0 };
  const row = {
    dests: Array.from({ length: miners }, (_, index) => validators + index),
    weights: Array.from({ length: miners }, (_, index) => 1 + ((index * 977) % 65_535)),
  };
  const busy = new Set<number>();
  const keys = sockets.map((_, index) =>
    keypair(index < validators ? `//Validator${index}//hotkey` : `//Miner${index - validators}//hotkey`),
  );
  const submit = async (socket: Socket, signer: Keypair, call: RuntimeCall) => {
    const nonce = Number(await socket.ask("system_accountNextIndex", [signer.ss58Address]));
    const extrinsic = `0x${signed(chain, signer, call, { nonce }).toHex()}`;
    counts.extrinsics++;
    await socket.ask("author_submitExtrinsic", [extrinsic]).catch(() => counts.refused++);
  };
  const act = async (index: number) => {
    const socket = sockets[index]!;
    if (index >= validators) {
      const fields = [{ type: "Raw", bytes: new TextEncoder().encode(`owner/model:${index}`) }] as const;
      const value = { netuid, info: { fields } };
      return submit(socket, keys[index]!, {
        type: "Commitments",
        value: { type: "set_commitment", value },
      });
    }
    const asked = performance.now();
    await socket.ask("state_call", ["SubnetInfoRuntimeApi_get_metagraph", "0x0100", null]);
    counts.metagraphMs += performance.now() - asked;
    counts.metagraphs++;
    const value = { netuid, mecid: 0, ...row, version_key: 0n };
    return submit(socket, keys[index]!, {
      type: "SubtensorModule",
      value: { type: "set_mechanism_weights", value },
    });
  };
  const times: number[] = [];
  await new Promise<void>((resolve, reject) => {
    for (const [index, socket] of sockets.entries()) {
      const every = index < validators ? weightsEveryBlocks : commitEveryBlocks;
      socket.onHead = (number) => {
        if (index === 0) times.push(performance.now());
        if (times.length > blocks) return resolve();
        if (number % every !== index % every || busy.has(index)) return;
        busy.add(index);
        act(index).then(() => busy.delete(index), reject);
      };
    }
    Promise.all(sockets.map((socket) => socket.ask("chain_subscribeNewHeads", []))).catch(reject);
  });
  const gaps = times.slice(1).map((time, at) => time - times[at]!);
  const requests = sockets.reduce((total, socket) => total + socket.asked, 0);
  for (const socket of sockets) socket.close();
  return {
    blockMsMean: gaps.reduce((total, gap) => total + gap, 0) / gaps.length,
    blockMsMax: Math.max(...gaps),
    extrinsics: counts.extrinsics,
    refused: counts.refused,
    requests,
    metagraphMsMean: counts.metagraphMs / Math.max(1, counts.metagraphs),
  };
}

/** What signing needs of a chain, asked once: immortal extrinsics are signed over its genesis. */
async function signingChain(socket: Socket): Promise<SigningChain> {
  const genesisHash = String(await socket.ask("chain_getBlockHash", [0]));
  const { specVersion, transactionVersion } = (await socket.ask("state_getRuntimeVersion", [])) as {
    specVersion: number;
    transactionVersion: number;
  };
  return {
    genesisHash,
    version: { spec_version: specVersion, transaction_version: transactionVersion },
    head: { number: 0 },
    hashOf: () => genesisHash,
  };
}

class Socket {
  asked = 0;
  onHead: (number: number) => void = () => {};
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => this.receive(String(data));
  }

  static async open(url: string): Promise<Socket> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Socket(socket);
  }

  ask(method: string, params: readonly unknown[]): Promise<unknown> {
    const id = this.asked++;
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  close(): void {
    this.socket.close();
  }

  private receive(text: string): void {
    const { id, result, error, params } = JSON.parse(text);
    if (params !== undefined) {
      this.onHead(Number(params.result.number));
      return;
    }
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.data ?? error.message));
  }
}

if (import.meta.main) {
  const figures = await benchCrowd();
  const rows = Object.entries(figures).map(([name, value]) => [name, Math.round(value * 100) / 100] as const);
  process.stdout.write(`${renderTable(["figure", "value"], rows)}\n`);
}
