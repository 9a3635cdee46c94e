/**
 * The words that word sorting draws from. The public subnet's are NLTK's list of Basic English, which is data to be fetched
 * (`data/remote/language.ts`) and no part of this program; a competition that names no list draws from the 2048 words of
 * BIP-39, which are, so that it works offline.
 */
import { wordlist } from "@scure/bip39/wordlists/english.js";

export interface WordList {
  /** Stored with the round. */
  readonly name: string;
  readonly words: readonly string[];
}

export const offlineWords: WordList = { name: "BIP-39 English", words: wordlist };

/** A list with a word a line, named by its digest. */
export function readWords(bytes: Uint8Array, sha256: string): WordList {
  const lines = new TextDecoder().decode(bytes).split("\n");
  return { name: `sha256:${sha256}`, words: lines.filter((line) => line !== "") };
}
