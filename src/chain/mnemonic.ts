/** BIP-39 phrases: new ones, and from what a person typed. */
import { mnemonicGenerate, mnemonicToMiniSecret, mnemonicValidate } from "@polkadot/util-crypto/mnemonic";
import { OperatorError } from "../base/errors.ts";

/** How many words a phrase can have; each three more add 32 bits. */
export const wordCounts = [12, 15, 18, 21, 24] as const;
export type WordCount = (typeof wordCounts)[number];

/** A new phrase from the system's randomness. */
export function newMnemonic(words: WordCount): string {
  return mnemonicGenerate(words);
}

/** A phrase as it is stored: lower case, single spaces. */
export function normalizeMnemonic(phrase: string): string {
  return phrase.trim().toLowerCase().split(/\s+/).join(" ");
}

/**
 * The 32-byte seed of a phrase (the chain's own derivation from its entropy, not BIP-39's). Throws `OperatorError` when
 * the words or their checksum are wrong; the message never repeats them.
 */
export function seedFromMnemonic(phrase: string, password = ""): Uint8Array {
  const words = normalizeMnemonic(phrase);
  if (!mnemonicValidate(words))
    throw new OperatorError(
      "The phrase is not a valid mnemonic: a word is unknown, missing or out of place.",
      "Check each word's spelling and order; there are 12, 15, 18, 21 or 24 of them.",
    );
  return mnemonicToMiniSecret(words, password);
}
