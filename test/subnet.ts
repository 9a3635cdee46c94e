/** A local subnet for end-to-end tests: started once, with tiny models published by honest miners. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../src/base/self.ts";
import { connectChain } from "../src/chain/client.ts";
import { builtInCompetitions } from "../src/competition/built-in.ts";
import type { CompetitionFile, Task } from "../src/competition/competition.ts";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { type Localnet, type LocalnetOptions, startLocalnet } from "../src/localnet/localnet.ts";

export interface TestSubnet {
  readonly dir: string;
  readonly localnet: Localnet;
  /** What `finetune` runs with. */
  readonly env: Variables;
  /** Runs `finetune <args>` against the subnet, with more variables if wanted. */
  readonly finetune: (args: readonly string[], variables?: Variables) => Promise<Finished>;
  /** Runs a line of shell in which "$@" is `finetune <args>`; what it prints to stdout is thrown away. */
  readonly shell: (line: string, args: readonly string[]) => Promise<Omit<Finished, "out">>;
  /** In a process group of its own, so that a test can press Ctrl-C on all of it: `process.kill(-pid, "SIGINT")`. */
  readonly spawn: (args: readonly string[], variables?: Variables) => Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly validatorArgs: (db: string) => string[];
  /** What the hub does wrong from now on, as `localnet hub --fault` takes it, with one repository or with all; nothing by default. */
  readonly hubFaults: (faults?: Readonly<Record<string, number>>, repository?: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

type Variables = Readonly<Record<string, string>>;

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * @param miners names, each of which is a registered miner `//name//hotkey`
 * @param options how the local subnet differs from the usual one
 */
export async function startTestSubnet(
  miners: readonly string[],
  options: Partial<LocalnetOptions> = {},
): Promise<TestSubnet> {
  const dir = mkdtempSync(join(tmpdir(), "finetune-subnet-"));
  const localnet = await startLocalnet({
    dir: join(dir, "localnet"),
    blockMs: 250,
    tempoBlocks: 20,
    rateLimitBlocks: 4,
    neurons: miners.map((name) => ({ uri: `//${name}`, stakeTao: 0 })),
    ...options,
  });
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: dir,
    FINETUNE_NETWORK: localnet.chainUrl,
    FINETUNE_NETUID: String(localnet.netuid),
    FINETUNE_HUB: localnet.hubUrl,
    FINETUNE_TOKEN: localnet.token,
    FINETUNE_CACHE: join(dir, "cache"),
  };
  const children = new Set<Bun.Subprocess<"ignore", "pipe", "pipe">>();
  const spawn = (args: readonly string[], variables: Variables = {}) => {
    const child = Bun.spawn([...selfCommand(...args)], {
      env: { ...env, ...variables },
      cwd: dir,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    children.add(child);
    void child.exited.then(() => children.delete(child));
    return child;
  };
  const { path, name, hotkey } = localnet.validatorWallet;
  return {
    dir,
    localnet,
    env,
    spawn,
    async finetune(args, variables) {
      const child = spawn(args, variables);
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { code: await child.exited, out, err };
    },
    async shell(line, args) {
      const command = ["/bin/sh", "-c", line, "sh", ...selfCommand(...args)];
      const child = Bun.spawn(command, { env, cwd: dir, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
      const err = await new Response(child.stderr).text();
      return { code: await child.exited, err };
    },
    validatorArgs: (db) => [
      ...["validate", "--json", "--db", db, "--competitions", join(dir, "competitions.json"), "--threads", "1"],
      ...["--wallet.path", path, "--wallet.name", name, "--wallet.hotkey", hotkey],
    ],
    async hubFaults(faults = {}, repository) {
      const address = new URL("/localnet/faults", localnet.hubUrl);
      if (repository !== undefined) address.searchParams.set("repository", repository);
      const answer = await fetch(address, { method: "PUT", body: JSON.stringify(faults) });
      if (!answer.ok) throw new Error(`the hub takes no faults: ${answer.status}`);
    },
    async close() {
      // Of a test that failed before it could end them.
      for (const child of children) child.kill("SIGKILL");
      await localnet.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A model of the miner: the tiny base with its own parameters, published through the real flow as `local/<name>`. */
export async function publishTiny(subnet: TestSubnet, miner: string, seed: bigint, name = miner): Promise<void> {
  const folder = join(subnet.dir, `model-${name}`);
  await writeBaseModel(folder, seed);
  const { code, err } = await subnet.finetune([
    ...["mine", "publish", folder, "--repo", `local/${name}`, "--competition", "1"],
    ...["--uri", `//${miner}//hotkey`, "--db", join(subnet.dir, `${miner}.sqlite`)],
  ]);
  if (code !== 0) throw new Error(`${miner} could not publish: ${err}`);
}

/** The documents of a command's output, as they come. Read to the end: many a command ends when its pipe closes. */
export async function* documents(
  stdout: ReadableStream<Uint8Array>,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}

/** Writes the subnet's competitions: the demonstration's, changed. */
export function writeCompetitions(subnet: TestSubnet, change: (file: CompetitionFile) => CompetitionFile): void {
  writeFileSync(join(subnet.dir, "competitions.json"), JSON.stringify(change(builtInCompetitions("demo"))));
}

export interface Rounds {
  /** Until the first; what is committed by then contends in it. */
  readonly inBlocks?: number;
  /** Between rounds; so many that there is one alone when absent. */
  readonly cadenceBlocks?: number;
  readonly tasks?: (tasks: readonly Task[]) => readonly Task[];
}

/** Writes the demonstration's competitions with rounds that begin from now on, and other tasks if wanted. */
export async function placeRounds(
  subnet: TestSubnet,
  { inBlocks = 4, cadenceBlocks = 100_000, tasks = (given) => given }: Rounds = {},
): Promise<void> {
  const chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  const { number } = await chain.head();
  chain.close();
  writeCompetitions(subnet, (file) => ({
    ...file,
    sync: { genesisBlock: number + inBlocks, cadenceBlocks },
    schedule: file.schedule.map((period) => ({
      ...period,
      competitions: period.competitions.map((competition) => ({ ...competition, tasks: tasks(competition.tasks) })),
    })),
  }));
}
