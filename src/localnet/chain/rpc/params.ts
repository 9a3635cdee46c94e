/** Reads the parameters of a request, which come from anybody. */
import { invalidParams } from "./error.ts";

export type Params = readonly unknown[];

/** Hex with or without 0x as bytes: the Python SDK leaves it out. */
export function hexBytes(value: unknown, what: string): Uint8Array {
  if (typeof value !== "string" || !/^(0x)?([0-9a-fA-F]{2})*$/.test(value)) throw invalidParams(`${what} is not hex`);
  return Uint8Array.fromHex(value.startsWith("0x") ? value.slice(2) : value);
}

/** A storage key as the chain holds it: lower-case hex without 0x. */
export function storageKey(value: unknown): string {
  return hexBytes(value, "the key").toHex();
}

export function storageKeys(value: unknown): string[] {
  if (!Array.isArray(value)) throw invalidParams("a list of keys was expected");
  return value.map(storageKey);
}

/** A block's hash, or null for the newest. */
export function blockHashOrNull(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{64}$/.test(value)) throw invalidParams("a block hash was expected");
  return value.toLowerCase();
}

export function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw invalidParams(`${what} was expected`);
  return value;
}

/** A whole number, also as hex text. */
export function whole(value: unknown, what: string): number {
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0)
    throw invalidParams(`${what} was expected`);
  return number;
}
