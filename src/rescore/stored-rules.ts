/** The rules that rounds were judged by, parsed once each. */
import { FailureError } from "../base/errors.ts";
import type { CompetitionFile } from "../competition/competition.ts";
import { parseCompetitionFile } from "../competition/competition-file.ts";
import { readRuleSet } from "../store/rules.ts";
import type { Store } from "../store/store.ts";

/** A lookup by digest. It throws `FailureError` for rules that this version of the program cannot read. */
export function storedRules(store: Store): (digest: string) => Promise<CompetitionFile> {
  const known = new Map<string, CompetitionFile>();
  return async (digest) => {
    const cached = known.get(digest);
    if (cached !== undefined) return cached;
    const parsed = parseCompetitionFile(JSON.stringify(await readRuleSet(store, digest)));
    if (parsed.kind === "invalid") {
      const [problem] = parsed.problems;
      throw new FailureError(
        `The rules ${digest.slice(0, 12)} stored in ${store.path} do not fit this version (${problem?.path}: ${problem?.message}).`,
        "Give the rules with --competitions.",
      );
    }
    known.set(digest, parsed.file);
    return parsed.file;
  };
}
