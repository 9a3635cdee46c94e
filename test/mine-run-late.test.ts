/**
 * `finetune mine run` that was away between its verdict and its commitment: after a hundred blocks it asks again whether
 * the model is worth it, and publishes only what still is.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type ChainClient, connectChain } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { writeBaseModel } from "../src/localnet/demo/base-model.ts";
import { documents, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

const patienceMs = 120_000;
/** More than the blocks for which a verdict holds. */
const awayBlocks = 105;
let subnet: TestSubnet;
let chain: ChainClient;
let base: string;

beforeAll(async () => {
  subnet = await startTestSubnet(["early", "late", "outdone", "better"], { blockMs: 120 });
  chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  base = join(subnet.dir, "base");
  await writeBaseModel(base, 1n);
  await publishTiny(subnet, "early", 9n);
}, patienceMs);
afterAll(async () => {
  chain?.close();
  await subnet?.close();
});

/** A function, since the base's place is known only when the subnet has started. */
const training = () => ["--base", base, "--batch", "16", "--lr", "3e-3", "--threads", "1", "--competitions", "demo"];

function runArgs(miner: string, rivals: number): string[] {
  return [
    ...["mine", "run", ...training(), "--out", join(subnet.dir, `turns-${miner}`), "--repo", `local/${miner}`],
    ...["--competition", "1", "--steps", "30", "--turns", "1", "--rivals", String(rivals), "--json"],
    ...["--uri", `//${miner}//hotkey`, "--db", join(subnet.dir, `${miner}.sqlite`)],
  ];
}

/** Runs until the model is found to be worth it, and dies before anything is published. */
async function dieWithVerdict(args: readonly string[]): Promise<void> {
  const child = subnet.spawn(args);
  let verdict: unknown;
  for await (const { kind, report } of documents(child.stdout)) {
    if (kind !== "checked") continue;
    verdict = (report as { verdict: string } | null)?.verdict;
    child.kill("SIGKILL");
  }
  await child.exited;
  expect(verdict).toBe("publish");
}

/** The lines of a run to its end. */
async function lastLines(args: readonly string[]) {
  const { code, out, err } = await subnet.finetune(args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

async function isCommitted(miner: string): Promise<boolean> {
  const { ss58Address } = keypairFromUri(`//${miner}//hotkey`);
  return (await chain.commitments(subnet.localnet.netuid)).some(({ hotkey }) => hotkey === ss58Address);
}

test(
  "an old verdict is asked for again: what is still worth it is published, what was overtaken is not",
  async () => {
    // Nobody is paid, so that one rival is the earliest: what is committed meanwhile counts for the second miner alone.
    const [late, outdone] = [runArgs("late", 1), runArgs("outdone", 8)];
    await dieWithVerdict(late);
    await dieWithVerdict(outdone);
    const away = (await chain.head()).number + awayBlocks;
    const good = join(subnet.dir, "good");
    const trained = await subnet.finetune(["mine", "train", ...training(), "--out", good, "--steps", "200"]);
    expect(trained).toMatchObject({ code: 0 });
    const published = await subnet.finetune([
      ...["mine", "publish", good, "--repo", "local/good", "--competition", "1", "--competitions", "demo"],
      ...["--uri", "//better//hotkey", "--db", join(subnet.dir, "better.sqlite")],
    ]);
    expect(published).toMatchObject({ code: 0 });
    for await (const { number } of chain.heads()) if (number > away) break;

    const overtaken = await lastLines(outdone);
    const again = overtaken.filter(({ kind }) => kind === "checked");
    expect(again).toMatchObject([{ turn: 1, best: 1, report: { verdict: "not-yet" } }]);
    expect(overtaken.some(({ kind }) => kind === "training" || kind === "publishing")).toBe(false);
    expect(await isCommitted("outdone")).toBe(false);

    const still = (await lastLines(late)).map(({ kind, report }) => ({ kind, report }));
    const kinds = still.map(({ kind }) => kind).filter((kind) => kind === "checked" || kind === "published");
    expect(kinds).toEqual(["checked", "published"]);
    expect(still.find(({ kind }) => kind === "checked")).toMatchObject({ report: { verdict: "publish" } });
    expect(await isCommitted("late")).toBe(true);
  },
  patienceMs,
);
