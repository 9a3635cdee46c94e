/** The rules as they were used: competition files and their competitions, by the digest of their canonical JSON. */
import { canonicalJson, digestOf } from "../base/canonical.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";

export interface NewCompetition {
  readonly competitionId: number;
  readonly name: string;
  /** JSON: everything that a round of it needs. */
  readonly definition: unknown;
  readonly tasks: readonly { readonly name: string; readonly weight: number; readonly definition: unknown }[];
}

/**
 * Stores a competition file and its competitions; what is there already stays as it is. Returns the digests, those of
 * the competitions in the order given.
 */
export async function storeRules(
  store: Store,
  rules: { readonly definition: unknown; readonly competitions: readonly NewCompetition[] },
): Promise<{ readonly digest: string; readonly competitionDigests: readonly string[] }> {
  const digest = digestOf(rules.definition);
  const competitionDigests: string[] = [];
  await store.transaction(async ({ db }) => {
    await db
      .insertInto("rule_sets")
      .values({ digest, definition: canonicalJson(rules.definition), stored_at: Date.now() })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    for (const competition of rules.competitions) {
      const competitionDigest = digestOf(competition.definition);
      competitionDigests.push(competitionDigest);
      const inserted = await db
        .insertInto("competitions")
        .values({
          digest: competitionDigest,
          competition_id: competition.competitionId,
          name: competition.name,
          definition: canonicalJson(competition.definition),
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (inserted.numInsertedOrUpdatedRows === 0n || competition.tasks.length === 0) continue;
      const tasks = competition.tasks.map((task, position) => ({
        competition_digest: competitionDigest,
        position,
        name: task.name,
        weight: task.weight,
        definition: canonicalJson(task.definition),
      }));
      await db.insertInto("tasks").values(tasks).execute();
    }
  });
  return { digest, competitionDigests };
}

/** The competition that a round used, its definition parsed from JSON. */
export async function readCompetition(
  store: Store,
  digest: string,
): Promise<(Omit<Row<"competitions">, "definition"> & { readonly definition: unknown }) | undefined> {
  const row = await store.db.selectFrom("competitions").selectAll().where("digest", "=", digest).executeTakeFirst();
  return row === undefined ? undefined : { ...row, definition: JSON.parse(row.definition) };
}

/** A whole competition file, parsed from JSON. */
export async function readRuleSet(store: Store, digest: string): Promise<unknown> {
  const row = await store.db
    .selectFrom("rule_sets")
    .select("definition")
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row === undefined ? undefined : JSON.parse(row.definition);
}
