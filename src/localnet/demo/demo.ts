/**
 * The demonstration: a whole subnet on this machine, from nothing to a paid winner. Miners train and publish, validators
 * measure and set weights, each as a process of its own, over real sockets; what is shown is read from their state files
 * and from the chain.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import { InterruptedError, OperatorError } from "../../base/errors.ts";
import { type ChainClient, connectChain } from "../../chain/client.ts";
import { connectHub } from "../../hub/connection.ts";
import type { Block } from "../../subnet.ts";
import { brokenError, type Localnet, startLocalnet } from "../localnet.ts";
import { writeWallet } from "../wallets.ts";
import { writeBaseModel } from "./base-model.ts";
import { coldkeyOf, type DemoMiner, type HonestMiner, hotkeyOf, miners, validators } from "./cast.ts";
import { cheat } from "./cheating.ts";
import { type DemoChild, startChild } from "./child.ts";
import { writeRules } from "./rules.ts";
import { type DemoView, readView } from "./view.ts";

export interface DemoOptions {
  readonly dir: string;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onStage: (text: string) => void;
  /** After every round that the first validator has finished. */
  readonly onRound: (view: DemoView, round: number) => void;
}

export const competitionId = 1;
const blockMs = 250;
/** Room for three validators' rounds and one publication on two cores. */
const cadenceBlocks = 44;
const rounds = 4;
/** What tells a folder of an earlier demonstration, which may be replaced, from one of the operator's. */
const marker = "finetune-demo.json";

/** Runs the demonstration to its end and returns what it came to. Throws `InterruptedError` on Ctrl-C. */
export async function runDemo(options: DemoOptions): Promise<DemoView> {
  const dir = await freshFolder(options.dir);
  await cryptoWaitReady();
  options.onStage("starting a chain and a hub");
  const localnet = await startLocalnet({
    dir,
    blockMs,
    tempoBlocks: 16,
    rateLimitBlocks: 4,
    immunityBlocks: 1000,
    neurons: [
      ...validators.slice(1).map(({ uri, stakeTao }) => ({ uri, stakeTao })),
      ...miners.map((miner) => ({ uri: coldkeyOf(miner), stakeTao: 0 })),
    ],
    signal: options.signal,
  });
  const chain = await connectChain({ endpoints: [localnet.chainUrl], signal: options.signal });
  const demo = new Demo({ ...options, dir }, localnet, chain);
  try {
    const broken = localnet.broken.then((part) => {
      throw brokenError(part, dir);
    });
    return await Promise.race([demo.run(), broken]);
  } catch (error) {
    throw options.signal.aborted ? new InterruptedError() : error;
  } finally {
    await demo.stop();
    chain.close();
    await localnet.close();
  }
}

class Demo {
  readonly #children: DemoChild[] = [];
  /** Of each validator: the last round that it finished, and whether the chain has taken weights since. */
  readonly #finished = validators.map(() => ({ rounds: 0, syncBlock: 0, accepted: false }));

  constructor(
    private readonly options: DemoOptions,
    private readonly localnet: Localnet,
    private readonly chain: ChainClient,
  ) {}

  async run(): Promise<DemoView> {
    const { dir, seed, onStage } = this.options;
    await writeBaseModel(join(dir, "models", "base"), BigInt(seed));
    onStage(
      `${miners.filter(({ kind }) => kind === "honest").length} miners train on arithmetic, each with its own diligence, and publish`,
    );
    const trained = this.#trainAll();
    for (const miner of miners) {
      await trained.get(miner.kind === "honest" ? miner.name : miner.victim);
      await this.#publish(miner, 1);
    }
    // Everything is trained before the first round: which round sees the improved model must not depend on the machine.
    await Promise.all(trained.values());
    const { number: head } = await this.chain.head();
    const firstBlock = head + 6;
    await writeRules(join(dir, "competitions.json"), { firstBlock, cadenceBlocks, count: rounds, seed });
    onStage("three validators measure the models and set weights");
    await this.#startValidators();
    await this.#reach(firstBlock + 1);
    for (const miner of miners) {
      if (miner.kind !== "honest" || miner.laterSteps === 0) continue;
      onStage(`${miner.name} has trained on and publishes again`);
      await this.#publish(miner, 2);
    }
    await this.#roundsFinished(firstBlock + (rounds - 1) * cadenceBlocks);
    onStage("the last epoch pays");
    await this.#reach((await this.chain.head()).number + 20);
    return await readView({ dir, chain: this.chain, netuid: this.localnet.netuid });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
  }

  /** Two at a time, since that is how many cores the demonstration counts on; later versions come last. */
  #trainAll(): ReadonlyMap<string, Promise<void>> {
    const honest = miners.filter((miner) => miner.kind === "honest");
    const jobs = [
      ...honest.map((miner) => ({ name: miner.name, steps: miner.steps, base: "base", miner })),
      ...honest
        .filter(({ laterSteps }) => laterSteps > 0)
        .map((miner) => ({ name: versionName(miner, 2), steps: miner.laterSteps, base: miner.name, miner })),
    ];
    const lanes: Promise<void>[] = [Promise.resolve(), Promise.resolve()];
    const trained = new Map<string, Promise<void>>();
    for (const [index, job] of jobs.entries()) {
      const before = Promise.all([lanes[index % 2], trained.get(job.base)]);
      const done = before.then(() => this.#train(job));
      done.catch(() => {});
      trained.set(job.name, done);
      lanes[index % 2] = done;
    }
    return trained;
  }

  async #train(job: {
    readonly name: string;
    readonly steps: number;
    readonly base: string;
    readonly miner: HonestMiner;
  }) {
    const models = join(this.options.dir, "models");
    const seed = 1000 * this.options.seed + miners.indexOf(job.miner);
    await this.#finish("train", [
      ...[
        "mine",
        "train",
        "--json",
        "--threads",
        "1",
        "--competitions",
        "demo",
        "--competition",
        String(competitionId),
      ],
      ...["--base", join(models, job.base), "--out", join(models, job.name)],
      // A model as tiny as this one learns from many short sums at once, in large steps.
      ...["--batch", "64", "--lr", "3e-3"],
      ...["--steps", String(job.steps), "--seed", String(seed + (job.base === "base" ? 0 : 500))],
    ]);
  }

  async #publish(miner: DemoMiner, version: 1 | 2): Promise<void> {
    const { dir } = this.options;
    const name = versionName(miner, version);
    const repo = `local/${name}`;
    const folder = join(dir, "models", name);
    if (miner.kind === "honest") {
      await this.#finish("publish", [
        ...["mine", "publish", folder, "--json", "--repo", repo, "--competition", String(competitionId)],
        ...["--uri", hotkeyOf(miner), "--db", join(dir, `miner-${miner.name}.sqlite`)],
      ]);
      return;
    }
    const hub = connectHub({ url: this.localnet.hubUrl, token: this.localnet.token });
    const victimFolder = join(dir, "models", miner.victim);
    const { chain } = this;
    await cheat({ miner, victimFolder, folder, repo, hub, chain, netuid: this.localnet.netuid, competitionId });
  }

  async #startValidators(): Promise<void> {
    const { dir } = this.options;
    for (const [index, { uri }] of validators.entries()) {
      const wallet = { path: join(dir, "wallets"), name: `validator-${index}`, hotkey: "default" };
      await writeWallet(wallet, { coldkey: uri, hotkey: `${uri}//hotkey` });
      await this.#start(
        `validator-${index}`,
        [
          ...["validate", "--child", "--json", "--db", join(dir, `validator-${index}.sqlite`), "--threads", "1"],
          ...["--competitions", join(dir, "competitions.json"), "--cache", join(dir, "cache", `validator-${index}`)],
          ...["--wallet.path", wallet.path, "--wallet.name", wallet.name, "--wallet.hotkey", wallet.hotkey],
        ],
        (line) => this.#heard(index, line),
      );
    }
  }

  #heard(index: number, line: Readonly<Record<string, unknown>>): void {
    const finished = this.#finished[index]!;
    if (line.kind === "weights" && line.outcome === "accepted") finished.accepted = true;
    if (line.kind !== "judged") return;
    finished.rounds += 1;
    finished.syncBlock = Number(line.syncBlock);
    finished.accepted = false;
    if (index !== 0) return;
    const round = finished.rounds;
    void readView({ dir: this.options.dir, chain: this.chain, netuid: this.localnet.netuid })
      .then((view) => this.options.onRound(view, round))
      .catch(() => {});
  }

  /** Every validator has finished the last round and the chain has taken its weights of it. */
  async #roundsFinished(lastSyncBlock: Block): Promise<void> {
    await Promise.race([
      this.#until(() => this.#finished.every(({ syncBlock, accepted }) => syncBlock >= lastSyncBlock && accepted)),
      ...this.#children.map(({ done }) => done),
    ]);
  }

  async #reach(block: Block): Promise<void> {
    for await (const head of this.chain.heads({ signal: this.options.signal })) if (head.number >= block) return;
    throw new InterruptedError();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.options.signal.aborted) throw new InterruptedError();
      await Bun.sleep(100);
    }
  }

  async #finish(name: string, args: readonly string[]): Promise<void> {
    const child = await this.#start(name, args, () => {});
    await child.done;
    this.#children.splice(this.#children.indexOf(child), 1);
  }

  async #start(
    name: string,
    args: readonly string[],
    onLine: (line: Readonly<Record<string, unknown>>) => void,
  ): Promise<DemoChild> {
    if (this.options.signal.aborted) throw new InterruptedError();
    const { dir } = this.options;
    const { chainUrl, hubUrl, token, netuid } = this.localnet;
    const environment = {
      FINETUNE_NETWORK: chainUrl,
      FINETUNE_NETUID: String(netuid),
      FINETUNE_HUB: hubUrl,
      FINETUNE_TOKEN: token,
    };
    const child = await startChild({ args, environment, logFile: join(dir, `${name}.log`), onLine });
    this.#children.push(child);
    return child;
  }
}

function versionName({ name }: DemoMiner, version: 1 | 2): string {
  return version === 1 ? name : `${name}-${version}`;
}

/** The folder, empty: one of an earlier demonstration is replaced, anything else is left alone. */
async function freshFolder(path: string): Promise<string> {
  const dir = resolve(path);
  const entries = await readdir(dir).catch(() => [] as string[]);
  if (entries.length > 0 && !entries.includes(marker))
    throw new OperatorError(`${dir} is not empty and not an earlier demonstration.`, "Give another folder with --dir.");
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, marker), `${JSON.stringify({ startedAt: new Date().toISOString() })}\n`);
  return dir;
}
