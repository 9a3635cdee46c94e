/**
 * The chain client against published metadata of three runtimes: every storage item, runtime API and call that it uses
 * must have the key, the bytes and the values that @polkadot/types makes of the same metadata by its own decoration.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expandMetadata, Metadata, TypeRegistry } from "@polkadot/types";
import { stringCamelCase, u8aToHex } from "@polkadot/util";
import { keypairFromUri } from "../../src/chain/keypair.ts";
import type { Plain } from "../../src/chain/plain.ts";
import { openRuntime, type Runtime } from "../../src/chain/runtime.ts";
import { apiSamples, callSamples, type Sample, storageSamples } from "./chain-samples.ts";

export const metadataFiles = [
  { file: "subtensor-219.v14.hex", specVersion: 219 },
  { file: "subtensor-393.v16.hex", specVersion: 393 },
  { file: "subtensor-424.v16.hex", specVersion: 424 },
  { file: "subtensor-424.v15.hex", specVersion: 424 },
] as const;

interface Subject {
  readonly file: string;
  readonly specVersion: number;
  readonly ours: Runtime;
  readonly registry: TypeRegistry;
  readonly decorated: ReturnType<typeof expandMetadata>;
}

/** @param sharedFolder the folder that holds `chain/metadata`. `worst` is the number of differences. */
export async function checkChain(sharedFolder: string) {
  const problems: string[] = [];
  let cases = 0;
  for (const { file, specVersion } of metadataFiles) {
    const subject = await open(join(sharedFolder, "chain", "metadata", file), file, specVersion);
    const checks = [
      ...storageSamples.map((sample) => [sample, checkStorage] as const),
      ...apiSamples.map((sample) => [sample, checkApi] as const),
      ...callSamples.map((sample) => [sample, checkCall] as const),
    ].filter(([{ from, to }]) => (from ?? 0) <= specVersion && specVersion <= (to ?? Number.POSITIVE_INFINITY));
    for (const [sample, check] of checks) {
      cases += 1;
      problems.push(...check(subject, sample).map((problem) => `${file}: ${sample.path}: ${problem}`));
    }
    cases += 1;
    problems.push(...checkSigning(subject).map((problem) => `${file}: ${problem}`));
  }
  return { family: "chain", cases, worst: problems.length, problems };
}

async function open(path: string, file: string, specVersion: number): Promise<Subject> {
  const hex = readFileSync(path, "utf8").trim() as `0x${string}`;
  const registry = new TypeRegistry();
  const metadata = new Metadata(registry, hex);
  registry.setMetadata(metadata, undefined, undefined, true);
  const ours = await openRuntime(askNobody, {
    genesisHash: `0x${"11".repeat(32)}`,
    chainName: "metadata from a file",
    version: { specName: "node-subtensor", specVersion, transactionVersion: 1 },
    metadata: hex,
  });
  return { file, specVersion, ours, registry, decorated: expandMetadata(registry, metadata) };
}

function askNobody(method: string): Promise<never> {
  return Promise.reject(new Error(`${method} was asked although there is no node`));
}

function checkStorage({ ours, registry, decorated }: Subject, { path, args, values }: Sample): string[] {
  const [section, name] = names(path);
  const entry = decorated.query[section]?.[name];
  if (entry === undefined || !ours.hasStorage(path)) return ["is not in the metadata"];
  const theirs = registry.createTypeUnsafe("StorageKey", [args.length === 0 ? entry : [entry, args]]);
  const key = ours.storageKey(path, args);
  const problems = key === theirs.toHex() ? [] : [`key ${key} instead of ${theirs.toHex()}`];
  problems.push(...differing("key parts", ours.storageKeyParts(path, key), args as readonly Plain[]));
  const type = (theirs as unknown as { outputType: string }).outputType;
  for (const [value, plain] of values)
    problems.push(
      ...differing("value", ours.storageValue(path, u8aToHex(registry.createTypeUnsafe(type, [value]).toU8a())), plain),
    );
  return problems;
}

function checkApi({ ours, registry }: Subject, { path, args, values }: Sample): string[] {
  if (!ours.hasApi(path)) return ["is not in the metadata"];
  const { params } = ours.apiCall(path, args);
  const problems = params === "0x0100" ? [] : [`parameters ${params} instead of 0x0100`];
  const [api, method] = path.split(".");
  const { output } = registry.metadata.apis
    .find(({ name }) => name.toString() === api)!
    .methods.find(({ name }) => name.toString() === method)!;
  for (const [value, plain] of values) {
    const answer = u8aToHex(registry.createTypeUnsafe(registry.createLookupType(output), [value]).toU8a());
    problems.push(...differing("answer", ours.apiAnswer(path, answer), plain));
  }
  return problems;
}

function checkCall({ ours, decorated }: Subject, { path, args, values }: Sample): string[] {
  const [section, name] = names(path);
  if (!ours.hasCall(path)) return ["is not in the metadata"];
  const named = values[0]![0] as Readonly<Record<string, unknown>>;
  const wanted = decorated.tx[section]![name]!(...args).toHex();
  const encoded = ours.extrinsic(path, named).method.toHex();
  return encoded === wanted ? [] : [`${encoded} instead of ${wanted}`];
}

/** What we sign must read back, by the metadata, as the call, the era and the nonce that were meant. */
function checkSigning({ ours, registry }: Subject): string[] {
  const signer = keypairFromUri("//Alice");
  const call = ours.extrinsic("Commitments.set_commitment", { netuid: 1, info: { fields: [{ Raw5: "hello" }] } });
  const hash = `0x${"22".repeat(32)}`;
  const { hex } = ours.sign(call, signer, {
    nonce: 300,
    genesisHash: `0x${"11".repeat(32)}`,
    birth: { number: 1000, hash },
    eraBlocks: 64,
  });
  const read = registry.createType("Extrinsic", hex);
  return [
    ...differing("the signed call", read.method.toHex(), "0x12000100040668656c6c6f"),
    ...differing("the signer", read.signer.toString(), signer.ss58Address),
    ...differing("the nonce", read.nonce.toNumber(), 300),
    ...differing("the era's birth", read.era.asMortalEra.birth(1010), 1000),
    ...differing("the era's death", read.era.asMortalEra.death(1010), 1064),
  ];
}

function names(path: string): [string, string] {
  const [section, name] = path.split(".") as [string, string];
  return [stringCamelCase(section), stringCamelCase(name)];
}

function differing(what: string, actual: unknown, wanted: unknown): string[] {
  return Bun.deepEquals(actual, wanted)
    ? []
    : [`${what} ${Bun.inspect(actual).slice(0, 300)} instead of ${Bun.inspect(wanted).slice(0, 300)}`];
}
