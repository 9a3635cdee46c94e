/**
 * The subnet's word list and tagger are NLTK's data and no part of this program. Where an operator has put the files into
 * the cache's folder `language` they are used: the word list only with the right digest.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Invalid, isInvalid } from "../base/invalid.ts";
import type { PartOfSpeechTagger } from "../data/generated/instructions.ts";
import { readTagger } from "../data/generated/part-of-speech.ts";
import { offlineWords, readBasicEnglish, type WordList } from "../data/generated/words.ts";

export interface LanguageData {
  /** NLTK's `en-basic`, or the words of BIP-39 where it is not there; a file with other words is an error. */
  readonly words: () => Promise<WordList | Invalid>;
  /** Null where the files are not there, or not what they should be. */
  readonly tagger: () => Promise<PartOfSpeechTagger | null>;
}

const fileBytesMax = 64 * 2 ** 20;
const taggerName = "averaged_perceptron_tagger_eng";

export function languageData(cacheFolder: string): LanguageData {
  const read = (name: string) => readBounded(join(cacheFolder, "language", name));
  return {
    words: async () => {
      const bytes = await read("en-basic");
      return bytes === null ? offlineWords : readBasicEnglish(bytes);
    },
    tagger: async () => {
      const [weights, tagdict, classes] = await Promise.all(
        ["weights", "tagdict", "classes"].map((part) => read(`${taggerName}.${part}.json`)),
      );
      if (!weights || !tagdict || !classes) return null;
      const tagger = readTagger({ weights, tagdict, classes });
      return isInvalid(tagger) ? null : tagger;
    },
  };
}

async function readBounded(path: string): Promise<Uint8Array | null> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() && found.size <= fileBytesMax ? readFile(path).catch(() => null) : null;
}
