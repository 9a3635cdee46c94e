/** One text for one JSON value, so that its digest names it: keys in code-unit order, no spaces. */
import { createHash } from "node:crypto";
import { assert } from "./assert.ts";

/** JSON with sorted keys. `undefined` members are left out, as in JSON.stringify; numbers must be finite. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === "number") assert(Number.isFinite(member), "canonical JSON has no infinities");
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    const entries = Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return Object.fromEntries(entries);
  });
}

/** Lower-case hex of the SHA-256 of the canonical JSON. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
