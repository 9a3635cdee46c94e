/**
 * Every migration by name, oldest first. A static record, so that the executable carries them: there is no folder to read
 * at run time. A name, once released, never changes or disappears: a state file remembers the names that it has seen.
 */
import { firstState } from "./0001-state.ts";
import { draws } from "./0002-draws.ts";
import { tokenizerRevision } from "./0003-tokenizer-revision.ts";
import type { Migration } from "./migration.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  "0001-state": firstState,
  "0002-draws": draws,
  "0003-tokenizer-revision": tokenizerRevision,
};
