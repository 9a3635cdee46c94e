/** Conformance of commits with the shared vectors: timelock encryption in both directions, and the commit hash. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commitHash, commitPreimage, timelockPayload } from "../../src/chain/commit-hash.ts";
import { keypairFromUri } from "../../src/chain/keypair.ts";
import { quicknet, timelockDecrypt, timelockEncrypt, verifyRound } from "../../src/chain/timelock.ts";

interface Vectors {
  readonly commit_v2: {
    readonly who: string;
    readonly netuid_index: number;
    readonly uids: readonly number[];
    readonly values: readonly number[];
    readonly salt: readonly number[];
    readonly version_key: number;
    readonly preimage: string;
    readonly hash: string;
  };
  readonly tle: {
    readonly round: number;
    readonly signature: string;
    /** A byte repeated, written `07*32`. */
    readonly aes_key: string;
    readonly sigma: string;
    readonly nonce: string;
    readonly payload: string;
    readonly ciphertext: string;
  };
}

/** @param sharedFolder the folder that holds `chain/vectors.json`. Bytes must agree: `worst` is the number of differences. */
export function checkTimelock(sharedFolder: string) {
  const vectors = JSON.parse(readFileSync(join(sharedFolder, "chain", "vectors.json"), "utf8")) as Vectors;
  const results = { ...lockResults(vectors.tle), ...commitResults(vectors.commit_v2) };
  const problems = Object.entries(results).flatMap(([name, isRight]) => (isRight ? [] : [`${name} differs`]));
  return { family: "timelock", cases: Object.keys(results).length, worst: problems.length, problems };
}

function lockResults(vector: Vectors["tle"]): Record<string, boolean> {
  const signature = bytesOf(vector.signature);
  const round = BigInt(vector.round);
  const secrets = { key: repeated(vector.aes_key), sigma: repeated(vector.sigma), nonce: repeated(vector.nonce) };
  const locked = timelockEncrypt(bytesOf(vector.payload), { round, publicKey: quicknet.publicKey, secrets });
  const opened = timelockDecrypt(bytesOf(vector.ciphertext), signature);
  return {
    "the beacon's signature": verifyRound(round, signature, quicknet.publicKey),
    "the ciphertext": isHex(locked, vector.ciphertext),
    "the opened payload": opened instanceof Uint8Array && isHex(opened, vector.payload),
  };
}

function commitResults(vector: Vectors["commit_v2"]): Record<string, boolean> {
  const { uids, values, salt } = vector;
  const { publicKey } = keypairFromUri(vector.who);
  const versionKey = BigInt(vector.version_key);
  const weights = { publicKey, storageIndex: vector.netuid_index, uids, values, salt, versionKey };
  return {
    "the commit's preimage": isHex(commitPreimage(weights), vector.preimage),
    "the commit's hash": isHex(commitHash(weights), vector.hash),
    "the payload's hotkey": timelockPayload(weights).subarray(1, 33).toHex() === publicKey.toHex(),
  };
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replace(/^0x/, ""));
}

function isHex(bytes: Uint8Array, hex: string): boolean {
  return bytes.toHex() === hex.replace(/^0x/, "");
}

function repeated(text: string): Uint8Array {
  const [byte = "", count = ""] = text.split("*");
  return new Uint8Array(Number(count)).fill(Number.parseInt(byte, 16));
}
