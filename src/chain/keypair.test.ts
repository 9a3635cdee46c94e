import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import fc from "fast-check";
import {
  decodeSs58,
  encodeSs58,
  keypairFromPrivateKey,
  keypairFromSeed,
  keypairFromUri,
  verifySignature,
} from "./keypair.ts";
import { newMnemonic, seedFromMnemonic, wordCounts } from "./mnemonic.ts";

const developmentPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

describe("keys that everybody knows", () => {
  test.each([
    ["//Alice", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"],
    ["//Bob", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"],
    [developmentPhrase, "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV"],
    [`${developmentPhrase}//Alice`, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"],
    [
      "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e",
      "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV",
    ],
  ])("%s is %s", (uri, address) => {
    expect(keypairFromUri(uri).ss58Address).toBe(address);
  });

  test("a phrase may be written carelessly", () => {
    const written = `  ${developmentPhrase.toUpperCase().replaceAll(" ", "\n ")} `;
    expect(seedFromMnemonic(written)).toEqual(seedFromMnemonic(developmentPhrase));
  });

  test.each([
    ["bottom drive obey"],
    [`${developmentPhrase} walk`],
    [developmentPhrase.replace("walk", "wolk")],
    ["0x1234"],
    [""],
  ])("%j is refused without being repeated", (secret) => {
    const attempt = () => keypairFromUri(secret);
    expect(attempt).toThrow(expect.objectContaining({ name: "OperatorError" }));
    if (secret !== "") expect(attempt).not.toThrow(secret);
  });
});

describe("any key", () => {
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });

  test("signs what only it could have signed", () => {
    fc.assert(
      fc.property(seed, fc.uint8Array({ maxLength: 400 }), (bytes, message) => {
        const { publicKey, ...key } = keypairFromSeed(bytes);
        const signature = keypairFromSeed(bytes).sign(message);
        expect(verifySignature({ message, signature, publicKey })).toBe(true);
        expect(verifySignature({ message: Uint8Array.of(...message, 1), signature, publicKey })).toBe(false);
        signature[7]! ^= 1;
        expect(verifySignature({ message, signature, publicKey })).toBe(false);
        expect(key.type).toBe("sr25519");
      }),
      { numRuns: 8 },
    );
  });

  test("survives the form of its private key that keyfiles have", () => {
    fc.assert(
      fc.property(seed, (bytes) => {
        const keypair = keypairFromSeed(bytes);
        const again = keypairFromPrivateKey(keypair.exportPrivateKey());
        expect(again.ss58Address).toBe(keypair.ss58Address);
        expect(again.exportPrivateKey()).toEqual(keypair.exportPrivateKey());
      }),
      { numRuns: 20 },
    );
  });

  test("shows no secret when it is printed or serialised", () => {
    const keypair = keypairFromSeed(new Uint8Array(32).fill(9));
    const shown = `${inspect(keypair, { depth: 9, showHidden: true })}${JSON.stringify(keypair)}`;
    const secret = keypair.exportPrivateKey();
    expect(shown).toContain(keypair.ss58Address);
    for (const text of [secret.toHex(), secret.subarray(0, 8).join(","), secret.subarray(0, 8).join(", ")])
      expect(shown).not.toContain(text);
  });

  test("has an address that reads back, and nothing else does", () => {
    fc.assert(
      fc.property(seed, (bytes) => {
        expect(decodeSs58(encodeSs58(bytes))).toEqual(bytes);
      }),
    );
    const alice = keypairFromUri("//Alice").ss58Address;
    expect(decodeSs58(alice.replace("5G", "5F"))).toBeUndefined();
    // The same key on Polkadot: another network's address.
    expect(decodeSs58("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5")).toBeUndefined();
    expect(decodeSs58("")).toBeUndefined();
  });

  test("malformed signatures are not valid, and never throw", () => {
    const { publicKey } = keypairFromUri("//Alice");
    for (const length of [0, 63, 64, 65])
      expect(verifySignature({ message: Uint8Array.of(1), signature: new Uint8Array(length), publicKey })).toBe(false);
  });
});

test("new phrases have the words that were asked for, and are never the same", () => {
  for (const count of wordCounts) {
    const [a, b] = [newMnemonic(count), newMnemonic(count)];
    expect(a.split(" ")).toHaveLength(count);
    expect(a).not.toBe(b);
    expect(seedFromMnemonic(a)).toHaveLength(32);
  }
});
