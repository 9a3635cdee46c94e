import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { commitHash, commitPreimage, timelockPayload } from "./commit-hash.ts";
import { keypairFromUri } from "./keypair.ts";
import {
  beaconPublicKey,
  beaconSecretKey,
  quicknet,
  signRound,
  timelockDecrypt,
  timelockEncrypt,
  verifyRound,
} from "./timelock.ts";

/** What quicknet published for round 1000. */
const signature = Uint8Array.fromHex(
  "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
);
const secretKey = beaconSecretKey(new Uint8Array(32).fill(3));
const publicKey = beaconPublicKey(secretKey);
const alice = keypairFromUri("//Alice").publicKey;

describe("the public beacon", () => {
  test("its key verifies its own round and no other", () => {
    expect(verifyRound(1000n, signature, quicknet.publicKey)).toBe(true);
    expect(verifyRound(1001n, signature, quicknet.publicKey)).toBe(false);
    expect(verifyRound(1000n, signature, publicKey)).toBe(false);
  });

  test("a message for its round opens with the published signature", () => {
    const message = new TextEncoder().encode("weights");
    const locked = timelockEncrypt(message, { round: 1000n, publicKey: quicknet.publicKey });
    expect(locked.length).toBe(message.length + 244);
    expect(timelockDecrypt(locked, signature)).toEqual(message);
  });
});

describe("a beacon of our own", () => {
  test("opens what was locked for the round, whatever the message", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (message, round) => {
        const locked = timelockEncrypt(message, { round, publicKey });
        expect(timelockDecrypt(locked, signRound(round, secretKey))).toEqual(message);
      }),
      { numRuns: 10 },
    );
  });

  test("another round, another beacon, a flipped bit and a cut end are told apart from a message", () => {
    const locked = timelockEncrypt(Uint8Array.of(1, 2, 3), { round: 7n, publicKey });
    const signed = signRound(7n, secretKey);
    expect(timelockDecrypt(locked, signRound(8n, secretKey))).toEqual({ fault: "wrong-signature" });
    expect(timelockDecrypt(locked, signature)).toEqual({ fault: "wrong-signature" });
    expect(timelockDecrypt(locked, new Uint8Array(48))).toEqual({ fault: "not-on-curve" });
    const ciphertextAt = locked.length - 16 - 20 - 19;
    expect(timelockDecrypt(flipped(locked, ciphertextAt), signed)).toEqual({ fault: "damaged" });
    expect(timelockDecrypt(flipped(locked, 110), signed)).toEqual({ fault: "wrong-signature" });
    for (const length of [0, 96, 100, locked.length - 1])
      expect(timelockDecrypt(locked.subarray(0, length), signed)).toEqual({ fault: "malformed" });
    expect(timelockDecrypt(Buffer.concat([locked, Buffer.of(0)]), signed)).toEqual({ fault: "malformed" });
  });

  test("bytes of a stranger never throw", () => {
    const signed = signRound(7n, secretKey);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(timelockDecrypt(bytes, signed)).toHaveProperty("fault");
      }),
    );
  });
});

describe("the commit hash", () => {
  const weights = {
    publicKey: alice,
    storageIndex: 1,
    uids: [0, 1],
    values: [10, 20],
    salt: [1, 2, 3, 4, 5, 6, 7, 8],
    versionKey: 0n,
  };

  test("is blake2b-256 over the SCALE tuple", () => {
    expect(commitPreimage(weights).toHex()).toBe(
      `${alice.toHex()}01000800000100080a00140020010002000300040005000600070008000000000000000000`,
    );
    expect(commitHash(weights).toHex()).toBe("2b41f9c14ecbad7a136cecbc4c82e2aa5b7d4e163e7cc2f3414b0f2ab757e597");
  });

  test("long vectors have longer length prefixes", () => {
    const uids = Array.from({ length: 4096 }, (_, uid) => uid);
    const payload = timelockPayload({ publicKey: undefined, uids, values: uids, versionKey: 0n });
    expect(payload.subarray(0, 2).toHex()).toBe("0140");
    expect(payload.length).toBe(2 * (2 + 2 * 4096) + 8);
  });

  test("the payload of a timelocked commit names its hotkey, except for the oldest runtimes", () => {
    const { uids, values, versionKey } = weights;
    const payload = timelockPayload({ publicKey: alice, uids, values, versionKey });
    expect(payload.toHex()).toBe(`80${alice.toHex()}0800000100080a0014000000000000000000`);
    expect(timelockPayload({ publicKey: undefined, uids, values, versionKey })).toEqual(payload.slice(33));
  });
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}
