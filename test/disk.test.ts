/** What a validator keeps on disk: the models that contend, within the bound that it was given. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { connectChain } from "../src/chain/client.ts";
import { keypairFromUri } from "../src/chain/keypair.ts";
import { documents, placeRounds, publishTiny, startTestSubnet, type TestSubnet } from "./subnet.ts";

const cadenceBlocks = 24;
let subnet: TestSubnet;

beforeAll(async () => {
  subnet = await startTestSubnet(["first", "second", "liar"], { immunityBlocks: 10_000 });
  for (const [index, miner] of ["first", "second", "liar"].entries()) await publishTiny(subnet, miner, BigInt(index));
  await withChain(async (chain) => {
    const { netuid } = subnet.localnet;
    const commitments = await chain.commitments(netuid);
    const liar = keypairFromUri("//liar//hotkey");
    const honest = new TextDecoder().decode(commitments.find(({ hotkey }) => hotkey === liar.ss58Address)!.data);
    // The hash of nothing that is there: the validator has to download the model to find out.
    const lie = honest.replace(/:[^:]+:(\d+)$/, ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:$1");
    const committed = await chain.setCommitment({ netuid, data: new TextEncoder().encode(lie), signer: liar });
    expect(committed).toMatchObject({ kind: "finalised" });
  });
  await placeRounds(subnet, { cadenceBlocks });
}, 120_000);
afterAll(() => subnet.close());

async function withChain(work: (chain: Awaited<ReturnType<typeof connectChain>>) => Promise<void>): Promise<void> {
  const chain = await connectChain({ endpoints: [subnet.localnet.chainUrl] });
  try {
    await work(chain);
  } finally {
    chain.close();
  }
}

/** The repositories whose files are in a cache. */
function kept(cache: string): string[] {
  const names = readdirSync(join(cache, "models")).filter((name) => name !== "locks");
  return names.map((name) => name.split("@")[1]!).sort();
}

test("what is refused, or was replaced by its miner, is deleted after the round", async () => {
  const cache = join(subnet.dir, "cache-kept");
  const args = [...subnet.validatorArgs(join(subnet.dir, "kept.sqlite")), "--offline", "--cache", cache];
  const child = subnet.spawn(args);
  const disk: unknown[] = [];
  const seen: string[][] = [];
  for await (const { kind, models, freedBytes } of documents(child.stdout)) {
    if (kind !== "disk") continue;
    disk.push({ models, freed: Number(freedBytes) > 0 });
    seen.push(kept(cache));
    if (disk.length === 1) await publishTiny(subnet, "second", 7n, "replacement");
    else if (seen.at(-1)!.includes("replacement") || disk.length === 4) child.kill("SIGINT");
  }
  expect(seen[0]).toEqual(["first", "second"]);
  expect(seen.at(-1)).toEqual(["first", "replacement"]);
  expect([disk[0], disk.at(-1)]).toEqual([
    { models: 2, freed: true },
    { models: 2, freed: true },
  ]);
}, 120_000);

test("a model that does not fit beside those in use waits for another round, and the others are measured", async () => {
  // Room for one of the three models, whose sizes are the same to a few bytes.
  const cache = join(subnet.dir, "cache-tight");
  const args = [...subnet.validatorArgs(join(subnet.dir, "tight.sqlite")), "--once", "--offline", "--cache", cache];
  const { code, out } = await subnet.finetune([...args, "--disk-max", "0.0004"]);
  expect(code).toBe(0);
  const said = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const failed = said.filter(({ kind }) => kind === "failed");
  expect(failed.map(({ reason }) => reason)).toEqual(["disk-full", "disk-full"]);
  expect(said.find(({ kind }) => kind === "judged")).toMatchObject({ contenders: 1 });
  expect(kept(cache)).toHaveLength(1);
}, 120_000);
