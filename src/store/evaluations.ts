/** Evaluations: a model's measurement on one task in one round. */
import { assert } from "../base/assert.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";

export interface NewEvaluation {
  readonly roundId: number;
  readonly modelId: number;
  readonly task: string;
  /** What it is measured on; absent when there is nothing to measure it on. */
  readonly sampleSetId?: number;
  /** What computes it: runtime, device, precision. */
  readonly engine?: string;
}

/** Begins an evaluation, or returns the one that was begun before a restart: `readLosses` says how far it got. */
export async function startEvaluation(store: Store, evaluation: NewEvaluation): Promise<Row<"evaluations">> {
  await store.db
    .insertInto("evaluations")
    .values({
      round_id: evaluation.roundId,
      model_id: evaluation.modelId,
      task: evaluation.task,
      sample_set_id: evaluation.sampleSetId ?? null,
      engine: evaluation.engine ?? null,
      state: "open",
      started_at: Date.now(),
    })
    .onConflict((conflict) => conflict.columns(["round_id", "model_id", "task"]).doNothing())
    .execute();
  return store.db
    .selectFrom("evaluations")
    .selectAll()
    .where("round_id", "=", evaluation.roundId)
    .where("model_id", "=", evaluation.modelId)
    .where("task", "=", evaluation.task)
    .executeTakeFirstOrThrow();
}

/** `failed` scores inf and needs a reason: a code such as `out-of-memory`, and a sentence. */
export type EvaluationOutcome =
  | { readonly state: "scored" }
  | { readonly state: "failed"; readonly reason: string; readonly detail?: string };

export async function finishEvaluation(store: Store, evaluationId: number, outcome: EvaluationOutcome): Promise<void> {
  const failure =
    outcome.state === "failed" ? { reason: outcome.reason, detail: outcome.detail ?? null } : { reason: null };
  const { numUpdatedRows } = await store.db
    .updateTable("evaluations")
    .set({ state: outcome.state, finished_at: Date.now(), ...failure })
    .where("id", "=", evaluationId)
    .where("state", "=", "open")
    .executeTakeFirst();
  assert(numUpdatedRows === 1n, `evaluation ${evaluationId} is finished once`);
}

export async function readEvaluations(store: Store, roundId: number): Promise<Row<"evaluations">[]> {
  return store.db.selectFrom("evaluations").selectAll().where("round_id", "=", roundId).orderBy("id").execute();
}
