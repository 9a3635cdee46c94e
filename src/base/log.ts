/** Logs go to stderr, so that stdout carries results alone. */
import { createConsola } from "consola";

export const log = createConsola({ stdout: process.stderr, stderr: process.stderr, formatOptions: { date: false } });

/** Control sequences and other unprintables of a text from outside, replaced; newlines and tabs stay. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
