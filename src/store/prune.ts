/**
 * Deletes what old rounds measured. What they concluded stays (standings, scores, weights), and so does the newest finished
 * round of each competition whatever its age, since the next moving average grows out of it.
 */
import type { Store } from "./store.ts";

export interface Pruned {
  readonly rounds: number;
  readonly losses: number;
  readonly samples: number;
  readonly events: number;
}

/**
 * Prunes rounds that were closed before a moment (milliseconds since 1970), and events from before it. Open rounds are
 * never touched. Call `store.maintenance.compact()` afterwards to make the file smaller.
 */
export async function prune(store: Store, before: number): Promise<Pruned> {
  return store.transaction(async ({ db }) => {
    const newest = await db
      .selectFrom("rounds")
      .select(({ fn }) => fn.max("sync_block").as("block"))
      .select("competition_id")
      .where("state", "=", "finished")
      .groupBy("competition_id")
      .execute();
    const closed = await db
      .selectFrom("rounds")
      .select(["id", "competition_id", "sync_block"])
      .where("state", "!=", "open")
      .where("finished_at", "<", before)
      .where("pruned_at", "is", null)
      .execute();
    const kept = new Set(newest.map(({ competition_id, block }) => `${competition_id}:${block}`));
    const old = closed.filter((round) => !kept.has(`${round.competition_id}:${round.sync_block}`));
    const counts = { losses: 0n, samples: 0n };
    // Round by round: a list of all ids could exceed what one statement takes.
    for (const { id } of old) {
      const evaluations = db.selectFrom("evaluations").select("id").where("round_id", "=", id);
      const sets = db.selectFrom("sample_sets").select("id").where("round_id", "=", id);
      const losses = await db.deleteFrom("losses").where("evaluation_id", "in", evaluations).executeTakeFirst();
      const samples = await db.deleteFrom("samples").where("sample_set_id", "in", sets).executeTakeFirst();
      await db.deleteFrom("pages").where("round_id", "=", id).execute();
      await db.updateTable("rounds").set({ pruned_at: Date.now() }).where("id", "=", id).execute();
      counts.losses += losses.numDeletedRows;
      counts.samples += samples.numDeletedRows;
    }
    const events = await db.deleteFrom("events").where("at", "<", before).executeTakeFirst();
    return {
      rounds: old.length,
      losses: Number(counts.losses),
      samples: Number(counts.samples),
      events: Number(events.numDeletedRows),
    };
  });
}
