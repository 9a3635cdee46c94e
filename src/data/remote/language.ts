/**
 * The word list and the tagger that some tasks draw with: NLTK's data, which is no part of this program. The archives are
 * fetched from where NLTK publishes them (or a mirror) when a task first needs them, and kept. A competition names what it
 * wants by digest, so that validators either draw with the very same data or do without the task: an archive may be packed
 * anew, its files may not change.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { messageOf } from "../../base/errors.ts";
import { FileCache } from "../../base/file-cache.ts";
import { type Invalid, invalid, isInvalid } from "../../base/invalid.ts";
import type { PartOfSpeechTagger } from "../generated/instructions.ts";
import { readTagger } from "../generated/part-of-speech.ts";
import { readWords, type WordList } from "../generated/words.ts";
import type { DataBounds } from "./bounds.ts";
import { hostAndPath, request } from "./request.ts";

export interface LanguageAccess {
  /** Of NLTK's data or a mirror, without a slash at its end; below it are `packages/corpora` and `packages/taggers`. */
  readonly languageUrl: string;
  readonly cacheFolder: string;
  readonly bounds: DataBounds;
}

export interface Wanted {
  /** Lower-case hex of the SHA-256 of the files, one after the other. */
  readonly sha256: string;
  readonly signal: AbortSignal;
}

const wordsArchive = { path: "packages/corpora/words.zip", files: ["en-basic"] } as const satisfies Archive;
const tagger = "averaged_perceptron_tagger_eng";
const taggerArchive = {
  path: `packages/taggers/${tagger}.zip`,
  files: [`${tagger}.weights.json`, `${tagger}.tagdict.json`, `${tagger}.classes.json`],
} as const satisfies Archive;

interface Archive {
  readonly path: string;
  /** Without their folder, which has changed between versions. */
  readonly files: readonly string[];
}

export async function fetchWords(access: LanguageAccess, wanted: Wanted): Promise<WordList | Invalid> {
  const files = await fetchFiles(access, wordsArchive, wanted);
  return isInvalid(files) ? files : readWords(files[0]!, wanted.sha256);
}

export async function fetchTagger(access: LanguageAccess, wanted: Wanted): Promise<PartOfSpeechTagger | Invalid> {
  const files = await fetchFiles(access, taggerArchive, wanted);
  if (isInvalid(files)) return files;
  const [weights, tagdict, classes] = files as [Uint8Array, Uint8Array, Uint8Array];
  return readTagger({ weights, tagdict, classes });
}

/** The digest that a competition names files by. */
export function digestFiles(files: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file);
  return hash.digest("hex");
}

/** An archive's files in their order: from the cache while they have their digest there, else from the server. */
async function fetchFiles(
  { languageUrl, cacheFolder, bounds }: LanguageAccess,
  { path, files: names }: Archive,
  { sha256, signal }: Wanted,
): Promise<readonly Uint8Array[] | Invalid> {
  const cache = new FileCache(join(cacheFolder, "language"), bounds.languageBytesMax);
  const cached = await Promise.all(names.map((name) => cache.read(`${sha256}.${name}`)));
  if (cached.every((file) => file !== undefined) && digestFiles(cached) === sha256) return cached;
  const url = `${languageUrl}/${path}`;
  const where = hostAndPath(url);
  const files = await request({ url, bytesMax: bounds.fileBytesMax, bounds, signal }, ({ bytes }) =>
    unpack(bytes, { where, names, bytesMax: bounds.languageBytesMax / 2 }),
  );
  if (isInvalid(files)) return files;
  const digest = digestFiles(files);
  if (digest !== sha256)
    return invalid("wrong-digest", `${where} holds files with the SHA-256 ${digest} instead of ${sha256}.`);
  for (const [index, name] of names.entries()) await cache.write(`${sha256}.${name}`, files[index]!);
  return files;
}

interface Expected {
  readonly where: string;
  readonly names: readonly string[];
  /** Of all files together, unpacked. */
  readonly bytesMax: number;
}

function unpack(archive: Uint8Array, { where, names, bytesMax }: Expected): readonly Uint8Array[] | Invalid {
  let leftBytes = bytesMax;
  let found: Readonly<Record<string, Uint8Array>>;
  try {
    found = unzipSync(archive, {
      // The sizes are the archive's claim; the library gives each file no more room than that.
      filter: ({ name, originalSize }) => names.includes(lastPart(name)) && (leftBytes -= originalSize) >= 0,
    });
  } catch (error) {
    return invalid("no-archive", `${where} is no archive: ${messageOf(error)}.`);
  }
  const byName = new Map(Object.entries(found).map(([path, bytes]) => [lastPart(path), bytes]));
  const missing = names.filter((name) => !byName.has(name));
  if (leftBytes < 0) return invalid("too-large", `${where} unpacks to more than ${bytesMax} bytes.`);
  if (missing.length > 0) return invalid("no-archive", `${where} does not hold ${missing.join(", ")}.`);
  return names.map((name) => byName.get(name)!);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
