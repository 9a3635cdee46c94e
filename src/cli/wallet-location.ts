/** What the wallet commands share: which wallet is meant, and which of its keys. */
import { OperatorError } from "../base/errors.ts";
import type { KeyDescription, KeyRole, WalletLocation } from "../chain/wallet.ts";
import { settingArgs, settingOf } from "./settings.ts";

export const locationArgs = settingArgs("wallet.name", "wallet.hotkey", "wallet.path");

/** Which wallet a command's flags and the environment name. */
export function locationOf(args: Readonly<Record<string, unknown>>): WalletLocation {
  return {
    path: settingOf("wallet.path", args),
    name: settingOf("wallet.name", args),
    hotkey: settingOf("wallet.hotkey", args),
  };
}

export const keyArg = {
  type: "string",
  valueHint: "coldkey|hotkey",
  description: "which key [default hotkey]",
} as const;

export function keyRole(text: string | undefined): KeyRole {
  if (text === undefined || text === "hotkey") return "hotkey";
  if (text === "coldkey") return "coldkey";
  throw new OperatorError(`--key is \`${text}\`, which is no kind of key.`, "Give --key coldkey or --key hotkey.");
}

const storedWords: Readonly<Record<KeyDescription["stored"], string>> = {
  none: "not encrypted",
  nacl: "encrypted",
  ansible: "encrypted (Ansible vault)",
  fernet: "encrypted (Fernet)",
  missing: "missing",
  "public only": "address only",
  damaged: "damaged",
};

/** How a key is stored, in words. */
export function storedText({ stored, exposed }: KeyDescription): string {
  return exposed ? `${storedWords[stored]}, readable by others` : storedWords[stored];
}
