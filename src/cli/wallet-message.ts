/** Messages and signatures as they are written on a command line. */
import { OperatorError } from "../base/errors.ts";

/** The bytes of a message: UTF-8, or hex where `isHex`. */
export function messageBytes(text: string, isHex: boolean): Uint8Array {
  return isHex ? hexBytes(text, "The message") : new TextEncoder().encode(text);
}

/** Bytes from hex digits, with or without 0x. */
export function hexBytes(text: string, what: string): Uint8Array {
  const digits = text.replace(/^0x/, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits))
    throw new OperatorError(`${what} is not hex.`, "Write two hex digits a byte, such as 0xdeadbeef.");
  return Uint8Array.fromHex(digits);
}
