/** A local subnet for end-to-end tests: started once, with tiny models published by honest miners. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../src/base/self.ts";
import { builtInCompetitions } from "../src/competition/built-in.ts";
import type { CompetitionFile } from "../src/competition/competition.ts";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { type Localnet, startLocalnet } from "../src/localnet/localnet.ts";

export interface TestSubnet {
  readonly dir: string;
  readonly localnet: Localnet;
  /** Runs `finetune <args>` against the subnet. */
  readonly finetune: (args: readonly string[]) => Promise<Finished>;
  readonly spawn: (args: readonly string[]) => Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly validatorArgs: (db: string) => string[];
  readonly close: () => Promise<void>;
}

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** @param miners names, each of which is a registered miner `//name//hotkey` */
export async function startTestSubnet(miners: readonly string[]): Promise<TestSubnet> {
  const dir = mkdtempSync(join(tmpdir(), "finetune-subnet-"));
  const localnet = await startLocalnet({
    dir: join(dir, "localnet"),
    blockMs: 250,
    tempoBlocks: 20,
    rateLimitBlocks: 4,
    neurons: miners.map((name) => ({ uri: `//${name}`, stakeTao: 0 })),
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
  const spawn = (args: readonly string[]) =>
    Bun.spawn([...selfCommand(...args)], { env, cwd: dir, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const { path, name, hotkey } = localnet.validatorWallet;
  return {
    dir,
    localnet,
    spawn,
    async finetune(args) {
      const child = spawn(args);
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { code: await child.exited, out, err };
    },
    validatorArgs: (db) => [
      ...["validate", "--json", "--db", db, "--competitions", join(dir, "competitions.json"), "--threads", "1"],
      ...["--wallet.path", path, "--wallet.name", name, "--wallet.hotkey", hotkey],
    ],
    async close() {
      await localnet.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A model of the miner: the tiny base with its own parameters, published through the real flow. */
export async function publishTiny(subnet: TestSubnet, miner: string, seed: bigint): Promise<void> {
  const folder = join(subnet.dir, `model-${miner}`);
  await writeBaseModel(folder, seed);
  const { code, err } = await subnet.finetune([
    ...["mine", "publish", folder, "--repo", `local/${miner}`, "--competition", "1"],
    ...["--uri", `//${miner}//hotkey`, "--db", join(subnet.dir, `${miner}.sqlite`)],
  ]);
  if (code !== 0) throw new Error(`${miner} could not publish: ${err}`);
}

/** Writes the subnet's competitions: the demonstration's, changed. */
export function writeCompetitions(subnet: TestSubnet, change: (file: CompetitionFile) => CompetitionFile): void {
  writeFileSync(join(subnet.dir, "competitions.json"), JSON.stringify(change(builtInCompetitions("demo"))));
}
