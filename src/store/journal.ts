/**
 * A journal of steps: what a multi-step work (publishing a model) has done, so that it continues after an interruption
 * instead of doing a step twice. A scope is one work, a key one of its steps.
 */
import type { Store } from "./store.ts";

/** Stores a step's result (JSON); a later result of the same step replaces it. */
export async function writeStep(store: Store, scope: string, key: string, value: unknown): Promise<void> {
  const row = { value: JSON.stringify(value), written_at: Date.now() };
  await store.db
    .insertInto("journal")
    .values({ scope, key, ...row })
    .onConflict((conflict) => conflict.columns(["scope", "key"]).doUpdateSet(row))
    .execute();
}

/** Every step of a scope that was stored. */
export async function readSteps(store: Store, scope: string): Promise<ReadonlyMap<string, unknown>> {
  const rows = await store.db.selectFrom("journal").selectAll().where("scope", "=", scope).execute();
  return new Map(rows.map((row) => [row.key, JSON.parse(row.value)]));
}

/** Forgets a work that is done. */
export async function clearSteps(store: Store, scope: string): Promise<void> {
  await store.db.deleteFrom("journal").where("scope", "=", scope).execute();
}
