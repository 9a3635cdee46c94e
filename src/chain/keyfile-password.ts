/**
 * Passwords in the environment, as the ecosystem passes them: a variable named after the keyfile's path, its value XORed
 * with that name. It hides a password from a glance at the environment and from nothing else.
 */
import { resolve } from "node:path";

/** The variables that may hold a keyfile's password: named by the path as given, then by the absolute one. */
export function passwordVariables(keyfilePath: string): readonly string[] {
  return [...new Set([keyfilePath, resolve(keyfilePath)].map(variableOf))];
}

/** The value to put into the variable. */
export function concealPassword(password: string, variable: string): string {
  return Buffer.from(xor(new TextEncoder().encode(password), variable)).toString("base64");
}

/** The password in a variable's value, or `undefined` when it is not one that `concealPassword` made. */
export function revealPassword(value: string, variable: string): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value.trim())) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(xor(Buffer.from(value, "base64"), variable));
  } catch {
    return undefined;
  }
}

function variableOf(path: string): string {
  return `BT_PW_${path.replace(/[/.]/g, "_").toUpperCase()}`;
}

function xor(bytes: Uint8Array, variable: string): Uint8Array {
  const key = new TextEncoder().encode(variable);
  return Uint8Array.from(bytes, (byte, index) => byte ^ key[index % key.length]!);
}
