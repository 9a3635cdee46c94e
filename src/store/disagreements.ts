/** Whether the rows of a sound file agree with each other: every rule here is something that the program relies on. */
import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";

type Rule = (db: Kysely<Schema>) => Promise<string[]>;

/** Sentences, one a contradiction; empty when all is well. */
export async function findDisagreements(db: Kysely<Schema>): Promise<string[]> {
  const found: string[] = [];
  const rules = [lossesWithoutGaps, scoredWithAllBatches, finishedWithStandings, finishedWithEvaluations];
  for (const rule of rules) found.push(...(await rule(db)));
  return found;
}

const lossesWithoutGaps: Rule = async (db) => {
  const rows = await db
    .selectFrom("losses")
    .select(({ fn }) => ["evaluation_id", fn.countAll<number>().as("count"), fn.max<number>("batch").as("last")])
    .groupBy("evaluation_id")
    .execute();
  return rows
    .filter(({ count, last }) => count !== last + 1)
    .map(({ evaluation_id, count, last }) => `evaluation ${evaluation_id} has ${count} losses, but batch ${last}`);
};

const scoredWithAllBatches: Rule = async (db) => {
  const rows = await db
    .selectFrom("evaluations")
    .innerJoin("sample_sets", "sample_sets.id", "evaluations.sample_set_id")
    .innerJoin("rounds", "rounds.id", "evaluations.round_id")
    .leftJoin("losses", "losses.evaluation_id", "evaluations.id")
    .select(({ fn }) => ["evaluations.id", "sample_sets.batches", fn.count<number>("losses.batch").as("stored")])
    .where("evaluations.state", "=", "scored")
    .where("rounds.pruned_at", "is", null)
    .groupBy(["evaluations.id", "sample_sets.batches"])
    .execute();
  return rows
    .filter(({ batches, stored }) => batches !== stored)
    .map(({ id, batches, stored }) => `evaluation ${id} is scored with ${stored} of ${batches} losses`);
};

const finishedWithStandings: Rule = async (db) => {
  const rows = await db
    .selectFrom("contenders")
    .innerJoin("rounds", "rounds.id", "contenders.round_id")
    .leftJoin("standings", (join) =>
      join.onRef("standings.round_id", "=", "contenders.round_id").onRef("standings.uid", "=", "contenders.uid"),
    )
    .select(["contenders.round_id", "contenders.uid"])
    .where("rounds.state", "=", "finished")
    .where("contenders.state", "=", "contends")
    .where("standings.uid", "is", null)
    .execute();
  return rows.map(({ round_id, uid }) => `uid ${uid} contended in finished round ${round_id}, but has no standing`);
};

const finishedWithEvaluations: Rule = async (db) => {
  const rows = await db
    .selectFrom("contenders")
    .innerJoin("rounds", "rounds.id", "contenders.round_id")
    .leftJoin("evaluations", (join) =>
      join
        .onRef("evaluations.round_id", "=", "contenders.round_id")
        .onRef("evaluations.model_id", "=", "contenders.model_id"),
    )
    .select(["contenders.round_id", "contenders.uid"])
    .where("rounds.state", "=", "finished")
    .where("contenders.state", "=", "contends")
    .where("evaluations.id", "is", null)
    .execute();
  return rows.map(({ round_id, uid }) => `uid ${uid} contended in finished round ${round_id}, but has no evaluation`);
};
