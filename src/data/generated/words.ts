/**
 * The words that word sorting draws from. The public subnet's are NLTK's list of Basic English, which is data to be fetched
 * and not part of this program; without it the 2048 words of BIP-39 serve, so that the task works offline. Validators
 * agree only on the same list, so which one a round used is part of what is stored of its source.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { type Invalid, invalid } from "../../base/invalid.ts";

export interface WordList {
  readonly name: string;
  readonly words: readonly string[];
}

export const offlineWords: WordList = { name: "BIP-39 English", words: wordlist };

/** The file `en-basic` of NLTK's corpus `words`: 850 lines. */
export const basicEnglishSha256 = "b00de5c6438714a6abaa906ec85f063f63c0606f713cbe8728b21c42664e5fce";

/** The public subnet's list, from the bytes of its file. */
export function readBasicEnglish(bytes: Uint8Array): WordList | Invalid {
  const digest = bytesToHex(sha256(bytes));
  if (digest !== basicEnglishSha256)
    return invalid("wrong-word-list", `The word list's SHA-256 is ${digest} instead of ${basicEnglishSha256}.`);
  const words = new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line !== "");
  return { name: "NLTK en-basic", words };
}
